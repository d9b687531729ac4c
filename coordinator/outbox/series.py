"""Transactions of which one follows another, such as what one wallet is funded with.

The intents of a series end in numbers: as many of its transactions as are final stand before one.
Whether another is needed, the chain says, and the chain and the tables move while somebody looks.
So the number is read first: a transaction that becomes final after that has this very number, and
is found in the outbox instead of being followed by a second one that was made without knowing it.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from coordinator.database import Database
from coordinator.outbox.store import count_final

Lacking = TypeVar("Lacking")
Done = TypeVar("Done")


def first_of(prefix: str) -> str:
    """Return the intent of the first transaction of a series."""
    return f"{prefix}0"


async def next_of(
    database: Database,
    prefix: str,
    lacking: Callable[[], Lacking | None],
    store: Callable[[str, Lacking], Awaitable[Done]],
) -> Done | None:
    """Store the next transaction of a series, unless the chain shows that none is needed.

    Args:
        database: holds the outbox.
        prefix: what the intents of the series begin with.
        lacking: asks the chain what is missing; None if nothing is.
        store: stores a transaction for it under an intent, by `store.ensure`, so that one that
            stands there already is kept.

    Returns:
        What `store` returns; None if nothing is missing.
    """
    number = await database.read(lambda c: count_final(c, prefix))
    missing = lacking()
    return None if missing is None else await store(f"{prefix}{number}", missing)
