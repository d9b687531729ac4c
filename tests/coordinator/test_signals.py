"""Waiting for something to become true."""

import asyncio

from coordinator.signals import Changes, Relay, Signals


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


class Shares:
    """Something of which each looker takes one."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.left = 0
        self.looks = 0

    async def take(self) -> int | None:
        self.looks += 1
        if not self.left:
            return None
        self.left -= 1
        if self.left:
            self.relay.pass_on()
        return self.left


async def _settle() -> None:
    """Let all that can go on without news go on."""
    for _ in range(100):
        await asyncio.sleep(0)


async def _waiting(shares: Shares, count: int) -> list["asyncio.Task[int | None]"]:
    tasks = [
        asyncio.create_task(shares.relay.wait_until(shares.take, 3600, 3600)) for _ in range(count)
    ]
    await _settle()
    assert shares.relay.waiting == count
    shares.looks = 0
    return tasks


async def test_news_wakes_as_many_as_there_are_shares() -> None:
    shares = Shares(Relay())
    tasks = await _waiting(shares, 20)
    shares.left = 3
    shares.relay.fire()
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    while len(done) < 3:
        more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    assert sorted(task.result() or 0 for task in done) == [0, 1, 2]
    assert (shares.looks, shares.relay.waiting) == (3, 17)
    shares.relay.close()
    assert await asyncio.gather(*waiting) == [None] * 17


async def test_who_goes_away_in_its_turn_leaves_it_to_the_next() -> None:
    shares = Shares(Relay())
    first, second = await _waiting(shares, 2)
    shares.left = 1
    shares.relay.fire()
    first.cancel()
    assert await second == 0
    await asyncio.gather(first, return_exceptions=True)
    assert shares.relay.waiting == 0


async def test_news_that_nobody_wants_ends_with_the_last_that_waits() -> None:
    relay = Relay()
    looks = 0

    async def pass_by() -> int | None:
        nonlocal looks
        looks += 1
        relay.pass_on()
        return None

    tasks = [asyncio.create_task(relay.wait_until(pass_by, 3600, 3600)) for _ in range(5)]
    await _settle()
    relay.fire()
    await _settle()
    assert looks == 10, "once when they came, once for the news"
    relay.close()
    await asyncio.gather(*tasks)


def test_changes_are_named_until_there_are_too_many() -> None:
    changes: Changes[int] = Changes(3)
    assert changes
    assert changes.take() is None
    assert not changes
    changes.add([1, 2])
    assert changes.take() == {1, 2}
    changes.add(range(4))
    changes.add([5])
    assert changes.take() is None


async def test_news_that_comes_while_the_first_looks_is_not_lost_with_what_it_finds() -> None:
    relay = Relay()
    looking, may_answer = asyncio.Event(), asyncio.Event()

    async def slow() -> int | None:
        looking.set()
        await may_answer.wait()
        return 1

    looks = 0

    async def second() -> int | None:
        nonlocal looks
        looks += 1
        return 2 if looks == 2 else None

    first = asyncio.create_task(relay.wait_until(slow, 3600, 3600))
    await looking.wait()
    other = asyncio.create_task(relay.wait_until(second, 3600, 3600))
    await _settle()
    relay.fire()
    may_answer.set()
    assert await first == 1
    async with asyncio.timeout(10):
        assert await other == 2
