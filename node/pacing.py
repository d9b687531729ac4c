"""Long work on the event loop, in pieces: others have their turn between two of them."""

import asyncio
from typing import TypeVar

from ledger.steps import UNITS_PER_STEP, Steps

T = TypeVar("T")


async def paced(steps: Steps[T]) -> T:
    """Do all steps and return the result; short work is done without a pause.

    At most `UNITS_PER_STEP` units and one step more lie between two pauses.
    """
    units = 0
    try:
        while True:
            units += next(steps)
            if units >= UNITS_PER_STEP:
                units = 0
                await asyncio.sleep(0)
    except StopIteration as done:
        result: T = done.value
        return result
