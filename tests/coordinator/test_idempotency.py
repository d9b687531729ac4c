"""A submission under a key, cut short anywhere, is one job when it is sent again."""

import shutil
from itertools import count
from pathlib import Path

import pytest

from coordinator.idempotency import (
    Allowance,
    Claim,
    Idempotency,
    IdempotencyKeysExhausted,
    KeptAnswer,
    Request,
)
from coordinator.idempotency.model import RETENTION_MS
from coordinator.jobs import JobFilter, JobPhase
from ledger.hashing import sha256
from tests.coordinator.crashes import live_through
from tests.coordinator.world import CLIENT, World, spec

REQUEST = Request(CLIENT.client_id, sha256(b"a key"), sha256(b"a request"))


async def keep(idempotency: Idempotency, number: int, body: bytes, owner: str = "client") -> bool:
    """Have a request answered under a key of its own; return whether its answer was there."""
    digest = sha256(number.to_bytes(8, "big"))
    found = await idempotency.claim(Request(owner, digest, digest))
    if isinstance(found, KeptAnswer):
        return True
    await found.keep(KeptAnswer(200, (), body))
    found.release()
    return False


@pytest.mark.parametrize("allowance", [Allowance(keys_max=3), Allowance(bytes_max=2_500)])
async def test_of_one_owner_no_more_is_kept_than_its_allowance(
    world: World, allowance: Allowance
) -> None:
    core = world.services.core
    idempotency = Idempotency(core.database, core.vault, core.moments, allowance)
    for number in range(3):
        assert not await keep(idempotency, number, b"x" * 1_000)
    for _ in range(2):
        with pytest.raises(IdempotencyKeysExhausted):
            await keep(idempotency, 3, b"")
        # What was answered is still answered, and others have room of their own.
        assert await keep(idempotency, 0, b"")
        await keep(idempotency, 4, b"", owner="another")
        # A process that begins anew counts what it finds.
        idempotency = Idempotency(core.database, core.vault, core.moments, allowance)
    await world.pass_time(RETENTION_MS / 1_000 + 1)
    await idempotency.forget_old()
    assert not await keep(idempotency, 3, b"")


async def submit(world: World) -> None:
    """Do what a request under the key does, and wait until its job can be worked on."""
    claim = await world.services.idempotency.claim(REQUEST)
    assert isinstance(claim, Claim)
    try:
        job = await world.services.jobs.create(CLIENT, spec(), once=claim)
    finally:
        claim.release()
    await world.until(job.job_id, JobPhase.QUEUED)


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
