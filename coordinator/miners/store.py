"""The tables of miners and sponsorships: every function works inside the caller's transaction."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)

from coordinator.database.prepared import Prepared, one_of
from coordinator.database.tables import (
    attempts,
    miners,
    outbox,
    payloads,
    receipts,
    sponsorships,
)
from coordinator.database.versions import touch
from coordinator.leases.phase import AttemptPhase
from coordinator.miners.names import key_of
from coordinator.outbox.store import STANDING
from ledger.actions import Custody
from ledger.types import Address, Amount, Hash, TimestampMs

AnyRow = Row[tuple[object, ...]]

_HELD: Final = (AttemptPhase.OPEN.value, AttemptPhase.LIVE.value)

MINERS: Final = miners.name
"""The table, as `Database.version_of` knows it; each write to it calls `touch`."""

_BY_NAME: Final = Prepared(select(miners).where(miners.c.name_key == bindparam("name_key")))


def find_miner(connection: Connection, name: str) -> AnyRow | None:
    """Return a miner's row by name, without regard to case."""
    return _BY_NAME.one_or_none(connection, name_key=key_of(name))


def find_by_address(connection: Connection, address: Address) -> AnyRow | None:
    """Return a miner's row by address."""
    return connection.execute(select(miners).where(miners.c.address == address)).one_or_none()


def newest(
    connection: Connection, limit: int, before: tuple[TimestampMs, str] | None = None
) -> Sequence[AnyRow]:
    """Return miners that are registered, newest first; those before a time and name."""
    place = tuple_(miners.c.created_ms, miners.c.name_key)
    query = select(miners).where(miners.c.is_active)
    if before is not None:
        query = query.where(place < tuple_(*before))
    newest_first = query.order_by(miners.c.created_ms.desc(), miners.c.name_key.desc())
    return connection.execute(newest_first.limit(limit)).all()


def insert_miner(
    connection: Connection,
    *,
    name: str,
    client_id: str,
    address: Address,
    custody: Custody,
    wanted: str,
    now_ms: TimestampMs,
) -> None:
    """Store a miner that is not registered on the chain yet."""
    touch(connection, MINERS)
    connection.execute(
        insert(miners).values(
            name_key=key_of(name),
            name=name,
            client_id=client_id,
            address=address,
            custody=custody.value,
            wanted=wanted,
            created_ms=now_ms,
            is_active=False,
        )
    )


def want(connection: Connection, name: str, wanted: str) -> None:
    """Note the document that a miner wants to declare; the chain makes it the one in force.

    Whoever registers is ready for work.
    """
    touch(connection, MINERS)
    row = miners.c.name_key == key_of(name)
    connection.execute(update(miners).where(row).values(wanted=wanted, is_draining=False))


def activate(connection: Connection, name: str, document: str) -> None:
    """Note that the chain holds a document's digest, if it is still the one that is wanted."""
    touch(connection, MINERS)
    row = (miners.c.name_key == key_of(name)) & (miners.c.wanted == document)
    connection.execute(update(miners).where(row).values(document=document, is_active=True))


def delete_miner(connection: Connection, name: str) -> None:
    """Forget a miner whose registration never came to the chain."""
    touch(connection, MINERS)
    connection.execute(delete(miners).where(miners.c.name_key == key_of(name)))


def change(connection: Connection, address: Address, **values: object) -> None:
    """Change columns of a miner's row."""
    touch(connection, MINERS)
    connection.execute(update(miners).where(miners.c.address == address).values(**values))


def is_draining(connection: Connection, address: Address) -> bool:
    """Return whether a miner asked for no further jobs."""
    query = select(miners.c.is_draining).where(miners.c.address == address)
    return bool(connection.execute(query).scalar_one())


def held_leases(connection: Connection, address: Address) -> int:
    """Return how many jobs a miner holds, assignments under way included.

    What a stranger gave it by the chain alone, without an input, keeps it from nothing.
    """
    return int(_HELD_LEASES.one(connection, miner=address).held)


def is_held_lease() -> ColumnElement[bool]:
    """Return the condition of attempts that count as a miner's jobs."""
    has_payload = exists().where(payloads.c.job_id == attempts.c.job_id)
    return one_of(attempts.c.phase, _HELD) & has_payload


_HELD_LEASES: Final = Prepared(
    select(func.count().label("held")).where(
        attempts.c.miner == bindparam("miner"), is_held_lease()
    )
)


def completed_jobs(connection: Connection, address: Address) -> int:
    """Return how many receipts a miner posted for this coordinator's jobs."""
    return connection.execute(select(func.count()).where(receipts.c.miner == address)).scalar_one()


def sponsored(connection: Connection, client_id: str) -> int:
    """Return how often the coordinator paid a fee for a miner of this owner, or is about to.

    A transfer that was never included paid nothing.
    """
    sent = sponsorships.join(outbox, outbox.c.transaction_id == sponsorships.c.transaction_id)
    query = select(func.count()).select_from(sent)
    query = query.where(sponsorships.c.client_id == client_id, one_of(outbox.c.state, STANDING))
    return connection.execute(query).scalar_one()


def insert_sponsorship(
    connection: Connection,
    transaction_id: Hash,
    client_id: str,
    address: Address,
    amount: Amount,
) -> None:
    """Note a sponsored fee, once for each transaction."""
    counted = select(sponsorships).where(sponsorships.c.transaction_id == transaction_id)
    if connection.execute(counted).one_or_none() is None:
        connection.execute(
            insert(sponsorships).values(
                transaction_id=transaction_id, client_id=client_id, address=address, amount=amount
            )
        )
