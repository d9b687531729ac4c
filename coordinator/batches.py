"""Long work in short transactions, so that everybody else's writes come between them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

PAUSE_S: Final = 0.02
"""Time between two batches, in which the database's one writer is free for requests."""


async def in_batches(step: Callable[[], Awaitable[int]], full: int) -> None:
    """Repeat a step as long as it finds a full batch; cancel the task to stop between two.

    Args:
        step: does one batch in a transaction of its own; returns how much it found.
        full: what a step finds when there may be more.
    """
    found = await step()
    while found >= full:
        await asyncio.sleep(PAUSE_S)
        found = await step()
