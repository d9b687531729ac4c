"""A coordinator killed at any point loses nothing, pays nothing twice, strands nothing."""

import shutil
from itertools import count
from pathlib import Path

import pytest

from tests.coordinator.crashes import live_through
from tests.coordinator.lives import LIVES
from tests.coordinator.world import World

POINTS_MAX = 200
"""More points than any life has; a life that has more does not end."""

EVERY = pytest.mark.soak
"""Crashes at all points; the suite takes one in five to nine."""


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("paid", 5),
        ("cancelled", 7),
        ("refused", 7),
        ("expired", 9),
        # The crashes of an accepted offer are in `test_marketplace`.
        *(pytest.param(name, 1, marks=EVERY, id=f"{name}-every") for name in LIVES),
    ],
)
async def test_a_job_survives_a_crash_at_any_point(folder: Path, name: str, step: int) -> None:
    life = LIVES[name]
    for at in count(1, step):
        assert at < POINTS_MAX
        world = World(Path(shutil.copytree(folder, folder.with_name(f"life-{at}"))))
        await world.start()
        crashed = await live_through(world, at, life.live)
        await life.check(world)
        await world.finish()
        if not crashed:
            assert at > 8, "a life has more points than that"
            return
