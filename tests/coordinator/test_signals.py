"""Waiting for something to become true."""

import asyncio

from coordinator.signals import Signals


async def test_closing_answers_those_who_wait_and_those_who_come_later() -> None:
    signals: Signals[str] = Signals()
    looks: list[str] = []
    looked = asyncio.Event()

    async def look() -> str | None:
        looks.append("nothing to see")
        looked.set()
        return None

    waiting = asyncio.create_task(signals.wait_until("queue", look, timeout_s=3600))
    await looked.wait()
    signals.close()
    assert await waiting is None
    assert await signals.wait_until("queue", look, timeout_s=3600) is None
    assert len(looks) == 3
