"""A submission under a key, cut short anywhere, is one job when it is sent again."""

import shutil
from itertools import count
from pathlib import Path

from coordinator.idempotency import Claim, Request
from coordinator.jobs import JobFilter, JobPhase
from ledger.hashing import sha256
from tests.coordinator.crashes import live_through
from tests.coordinator.world import CLIENT, World, spec

REQUEST = Request(CLIENT.client_id, sha256(b"a key"), sha256(b"a request"))


async def submit(world: World) -> None:
    """Do what a request under the key does."""
    claim = await world.services.idempotency.claim(REQUEST)
    assert isinstance(claim, Claim)
    try:
        await world.services.jobs.create(CLIENT, spec(), once=claim)
    finally:
        claim.release()


async def test_a_crash_at_any_point_of_a_submission_leaves_one_job(folder: Path) -> None:
    for at in count(1):
        world = World(Path(shutil.copytree(folder, folder.with_name(f"life-{at}"))))
        await world.start()
        crashed = await live_through(world, at, submit)
        page = await world.services.jobs.list(CLIENT, JobFilter(), limit=10)
        assert page.total == 1
        await world.until(page.items[0].job_id, JobPhase.QUEUED)
        await world.finish()
        if not crashed:
            assert at > 3, "a submission has more points than that"
            return
