"""A coordinator's process killed at each named point of a job's life, and started again."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.coordinator.failpoints import POINTS, all_points
from tests.coordinator.lives import LIVES
from tests.coordinator.world import AITBC, World

QUICK = {
    "claim.within",
    "complete.after",
    "receipt_final.after",
    "cancellation.after",
    "paying_out.after",
}
"""Points of the quick suite; the soak takes every one."""

ROOT = Path(__file__).parents[2]


def _marked(life: str, point: str) -> object:
    marks = () if point in QUICK else (pytest.mark.soak,)
    return pytest.param(life, point, id=point, marks=marks)


@pytest.mark.parametrize(("life", "point"), [_marked(*pair) for pair in all_points()])
async def test_a_killed_process_loses_nothing_and_pays_nothing_twice(
    folder: Path, life: str, point: str
) -> None:
    arguments = ("-m", "tests.coordinator.victim", str(folder), life, point)
    victim = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, said = await victim.communicate()
    assert victim.returncode == -signal.SIGKILL, said.decode()
    world = World(folder)
    assert world.supply == 3 * 10**6 * AITBC
    await world.start()
    await LIVES[life].live(world)
    await LIVES[life].check(world)
    await world.quiet()
    await world.finish()


def test_the_quick_points_are_points() -> None:
    assert {point for points in POINTS.values() for point in points} >= QUICK
