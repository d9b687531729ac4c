"""The simulated machine: its disk, its event loop, its schedule."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from devnet.simulator.disk import Loss, SimDisk
from devnet.simulator.loop import SimLoop
from devnet.simulator.schedule import Schedule
from node.disk import LockHeld

FILE = Path("journal/epoch-0.journal")


def disk_with(durable: bytes, pending: bytes, seed: int = 0) -> SimDisk:
    disk = SimDisk(random.Random(seed))
    disk.create(FILE, durable)
    disk.open(FILE).write(pending, len(durable))
    return disk


def test_what_is_synced_survives_a_power_cut() -> None:
    disk = disk_with(b"kept", b"")
    file = disk.open(FILE)
    file.write(b" and synced", 4)
    file.sync()
    disk.lose(Loss.POWER)
    assert disk.open(FILE).read() == b"kept and synced"


def test_what_is_not_synced_is_kept_torn_blanked_or_gone() -> None:
    left = set()
    for seed in range(60):
        disk = disk_with(b"kept", b"unsynced", seed)
        disk.lose(Loss.POWER)
        left.add(disk.open(FILE).read()[4:])
    assert {b"", b"unsynced"} < left
    assert any(piece.endswith(b"\0") and len(piece) == 8 for piece in left)
    assert any(0 < len(piece) < 8 for piece in left)


def test_a_killed_process_leaves_its_writes_to_the_system() -> None:
    disk = disk_with(b"kept", b"unsynced")
    disk.lose(Loss.KILLED)
    assert disk.open(FILE).read() == b"keptunsynced"


def test_a_lock_is_held_once_and_ends_with_its_process() -> None:
    disk = SimDisk(random.Random(0))
    disk.lock(Path("journal/lock"))
    with pytest.raises(LockHeld):
        disk.lock(Path("journal/lock"))
    disk.lose(Loss.KILLED)
    disk.lock(Path("journal/lock"))


def test_a_full_disk_refuses_writes_and_syncs() -> None:
    disk = disk_with(b"kept", b"")
    disk.is_full = True
    with pytest.raises(OSError, match="no space left"):
        disk.open(FILE).write(b"more", 4)


def test_actions_happen_by_time_and_then_in_order_of_planning() -> None:
    schedule = Schedule()
    seen: list[str] = []
    schedule.at(5, seen.append, "late")
    schedule.at(3, seen.append, "first")
    schedule.at(3, seen.append, "second")
    schedule.run_until(4)
    assert seen == ["first", "second"]
    assert schedule.now_us == 4
    assert schedule.run_until(9, stop=lambda: len(seen) == 3)


def loop_on(schedule: Schedule) -> SimLoop:
    def guard(action: Callable[..., object], *arguments: object) -> None:
        loop.act(action, *arguments)

    loop = SimLoop(schedule, guard, lambda _name: 7)
    return loop


def test_tasks_sleep_and_work_elsewhere_in_simulated_time() -> None:
    schedule = Schedule()
    loop = loop_on(schedule)
    seen: list[int] = []

    async def work() -> None:
        await asyncio.sleep(0.001)
        seen.append(schedule.now_us)
        seen.append(await asyncio.to_thread(lambda: schedule.now_us))

    loop.act(lambda: loop.create_task(work()))
    schedule.run_until(10_000)
    assert seen == [1_000, 1_007]


def test_a_killed_loop_ends_its_tasks_where_they_stand() -> None:
    schedule = Schedule()
    loop = loop_on(schedule)
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(1)
            seen.append("slept")
        finally:
            seen.append("ended")

    loop.act(lambda: loop.create_task(work()))
    schedule.run_until(10)
    loop.kill()
    schedule.run_until(5_000_000)
    assert seen == ["ended"]
