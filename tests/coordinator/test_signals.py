"""Waiting for something to become true."""

import asyncio

from coordinator.signals import Signals


async def test_closing_answers_those_who_wait_and_those_who_come_later() -> None:
    signals: Signals[str] = Signals()
    looks = 0

    async def look() -> str | None:
        nonlocal looks
        looks += 1
        return None

    waiting = asyncio.create_task(signals.wait_until("queue", look, timeout_s=3600))
    while looks == 0:
        await asyncio.sleep(0)
    signals.close()
    assert await waiting is None
    assert await signals.wait_until("queue", look, timeout_s=3600) is None
    assert looks == 3
