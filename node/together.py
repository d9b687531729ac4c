"""Work that lives and dies together."""

import asyncio
from collections.abc import Coroutine


async def until_one_ends(*work: Coroutine[object, object, None]) -> None:
    """Run all until one returns or fails, then cancel the others; raise what failed."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
