"""The queue: who is shown which job, and why a miner is shown none."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.errors import Forbidden
from coordinator.jobs import JobPhase
from coordinator.leases.errors import MinerDraining
from coordinator.leases.matching import Exclusion, Needs, exclusion_of, price_cap_of
from coordinator.miners.capabilities import Capabilities, document_of, read_document
from coordinator.registry import ServiceRegistry
from tests.coordinator.world import AITBC, CLIENT, TIMINGS, World, registration, spec


def declared(**changes: object) -> Capabilities:
    return read_document(document_of(registration("m", **changes)), ServiceRegistry())


CHEAP = AITBC // 1_000

RTX = {"name": "NVIDIA GeForce RTX 3090", "memory": "24GB"}


@pytest.mark.parametrize(
    ("needs", "changes", "expected"),
    [
        (Needs("llm_inference", "llama3.2", 1), {}, None),
        (Needs("llm_inference", "smollm2-135m", 1), {}, None),
        (Needs("llm_inference", "gpt-4", 1), {}, Exclusion.MODEL_NOT_OFFERED),
        (Needs("llm_inference", "gpt-4", 1), {"capabilities": ("llm-inference",)}, None),
        (Needs("python", "", 1), {}, Exclusion.SERVICE_NOT_OFFERED),
        (Needs("ffmpeg_transcode", "", 1), {}, None),
        (Needs("ffmpeg_transcode", "", 1, gpu_count=1), {}, Exclusion.GPU_MISSING),
        (Needs("ffmpeg_transcode", "", 1, gpu_count=1), {"gpu_info": RTX}, None),
        (Needs("ffmpeg_transcode", "", 1, gpu_count=2), {"gpu_info": RTX}, Exclusion.GPU_MISSING),
        (Needs("ffmpeg_transcode", "", 1, 0, 24 * 1024), {"gpu_info": RTX}, None),
        (
            Needs("ffmpeg_transcode", "", 1, 0, 24 * 1024 + 1),
            {"gpu_info": RTX},
            Exclusion.GPU_MEMORY_TOO_SMALL,
        ),
        (Needs("ffmpeg_transcode", "", 1, 0, 0, "nvidia-rtx-3090"), {"gpu_info": RTX}, None),
        (
            Needs("ffmpeg_transcode", "", 1, 0, 0, "nvidia-rtx-4090"),
            {"gpu_info": RTX},
            Exclusion.GPU_TYPE_DIFFERENT,
        ),
        (
            Needs("ffmpeg_transcode", "", 1),
            {"price": 2, "price_text": "0.000000002"},
            Exclusion.PRICE_TOO_LOW,
        ),
    ],
)
def test_hard_constraints_decide_who_fits(
    needs: Needs, changes: dict[str, object], expected: Exclusion | None
) -> None:
    has_model = needs.service == "llm_inference"
    assert exclusion_of(needs, declared(**changes), has_model=has_model) is expected


def test_the_price_is_the_miners_else_the_services_and_never_above_the_maximum() -> None:
    dear = declared(price=AITBC, price_text="1.00")
    assert price_cap_of(Needs("python", "", 5 * AITBC), dear, 7) == AITBC
    assert price_cap_of(Needs("python", "", 5 * AITBC), declared(), 7) == 7
    assert price_cap_of(Needs("python", "", 5), declared(), 7) == 5


async def test_clients_are_served_in_turn_however_many_jobs_one_has(world: World) -> None:
    await world.miner()
    many, few = await world.client("many"), await world.client("few")
    crowd = [await world.job(many, max_price=CHEAP) for _ in range(6)]
    lone = [await world.job(few, max_price=CHEAP) for _ in range(2)]

    order = []
    for _ in range(8):
        reply = await world.services.leases.poll(CLIENT, "miner-1", 0)
        assert reply.offer is not None
        job_id = reply.offer.job_id
        order.append("few" if job_id in {job.job_id for job in lone} else "many")
        await world.claim(job_id)
    assert order == ["many", "few", "many", "few", "many", "many", "many", "many"]
    assert len(crowd) == 6


async def test_a_flood_of_jobs_that_fit_nobody_hides_no_job_that_does(world: World) -> None:
    await world.miner()
    for _ in range(20):
        await world.job(model="gpt-4", max_price=CHEAP)
    wanted = await world.job(max_price=CHEAP)
    offer = (await world.services.leases.poll(CLIENT, "miner-1", 0)).offer
    assert offer is not None
    assert offer.job_id == wanted.job_id


async def test_a_miner_without_work_is_told_why(world: World) -> None:
    await world.miner(price=AITBC, price_text="1.00")
    await world.job(model="gpt-4")
    await world.job(service="python", model="", input={"entrypoint": "main.py"}, params={})
    await world.job()
    reply = await world.services.leases.poll(CLIENT, "miner-1", 0)
    assert reply.offer is None
    assert reply.reasons == {
        "MODEL_NOT_OFFERED": 1,
        "PRICE_TOO_LOW": 1,
        "SERVICE_NOT_OFFERED": 1,
    }


async def test_a_miner_that_may_have_no_job_is_told_which_it_misses(folder: Path) -> None:
    world = World(folder, timings=replace(TIMINGS, leases_per_miner_max=1))
    await world.start()
    leases = world.services.leases
    for name in ("miner-1", "miner-2"):
        await world.miner(name)
    first = await world.job()
    await world.claim(first.job_id)
    await world.job()
    await world.job(model="gpt-4")
    reply = await leases.poll(CLIENT, "miner-1", 0)
    assert reply.offer is None
    assert reply.reasons == {"MINER_BUSY": 1, "MODEL_NOT_OFFERED": 1}
    assert (await leases.poll(CLIENT, "miner-2", 0)).offer is not None
    await world.complete(first.job_id)
    reply = await leases.poll(CLIENT, "miner-1", 0)
    assert reply.reasons == {"MODEL_NOT_OFFERED": 1, "SHOWN_TO_ANOTHER": 1}
    await world.finish()


async def test_a_draining_miner_keeps_what_it_holds_and_gets_nothing_new(world: World) -> None:
    leases, standings = world.services.leases, world.services.leases.standings
    await world.miner()
    held, waiting = await world.job(), await world.job()
    await world.claim(held.job_id)
    standing = await standings.drain(CLIENT, "miner-1", is_draining=True)
    assert [lease.job_id for lease in standing.leases] == [held.job_id]
    reply = await leases.poll(CLIENT, "miner-1", 0)
    assert (reply.offer, reply.reasons) == (None, {"MINER_DRAINING": 1})
    assert await leases.available(CLIENT, "miner-1") is None
    with pytest.raises(MinerDraining):
        await world.claim(waiting.job_id)
    await world.restart()
    standings = world.services.leases.standings
    assert (await standings.heartbeat(CLIENT, "MINER-1")).is_draining
    # What it holds it may claim again, and completes.
    assert (await world.claim(held.job_id)).attempt == 1
    await world.complete(held.job_id)
    assert (await standings.heartbeat(CLIENT, "miner-1")).leases == ()
    await standings.drain(CLIENT, "miner-1", is_draining=False)
    await world.claim(waiting.job_id)
    with pytest.raises(Forbidden):
        await standings.drain(await world.client(), "miner-1", is_draining=True)


async def test_registering_again_ends_draining(world: World) -> None:
    await world.miner()
    standings = world.services.leases.standings
    await standings.drain(CLIENT, "miner-1", is_draining=True)
    await world.miner()
    assert not (await standings.heartbeat(CLIENT, "miner-1")).is_draining


async def test_a_poll_under_way_ends_its_wait_when_the_miner_takes_jobs_again(world: World) -> None:
    await world.miner()
    await world.job()
    standings = world.services.leases.standings
    await standings.drain(CLIENT, "miner-1", is_draining=True)
    polling = asyncio.create_task(world.services.leases.poll(CLIENT, "miner-1", 30))
    await asyncio.sleep(0)
    await standings.drain(CLIENT, "miner-1", is_draining=False)
    async with asyncio.timeout(10):
        assert (await polling).offer is not None


async def test_a_poll_answers_as_soon_as_a_job_is_queued(world: World) -> None:
    await world.miner()
    polling = asyncio.create_task(world.services.leases.poll(CLIENT, "miner-1", 30))
    await asyncio.sleep(0)
    job = await world.job()
    async with asyncio.timeout(10):
        reply = await polling
    assert reply.offer is not None
    assert reply.offer.job_id == job.job_id


async def test_a_job_is_shown_to_one_miner_at_a_time(world: World) -> None:
    await world.miner("miner-1")
    await world.miner("miner-2")
    first, second = await world.job(), await world.job()
    shown = [
        (await world.services.leases.poll(CLIENT, name, 0)).offer for name in ("miner-1", "miner-2")
    ]
    assert {offer.job_id for offer in shown if offer} == {first.job_id, second.job_id}


async def test_available_shows_the_prompt_to_managed_miners(world: World) -> None:
    await world.miner()
    assert await world.services.leases.available(CLIENT, "miner-1") is None
    job = await world.job()
    shown = await world.services.leases.available(CLIENT, "miner-1")
    assert shown is not None
    assert shown.job_id == job.job_id
    assert shown.spec.input == {"prompt": "Why is the sky blue?"}
    assert (await world.get(job.job_id)).phase is JobPhase.QUEUED


async def test_a_job_whose_escrow_is_not_final_is_not_offered(world: World) -> None:
    await world.miner()
    world.chain.is_paused = True
    job = await world.services.jobs.create(CLIENT, spec())
    assert job.phase is JobPhase.ACCEPTED
    assert job.payment is None
    assert await world.services.leases.available(CLIENT, "miner-1") is None
    world.chain.is_paused = False
    world.chain.make_block()
    queued = await world.until(job.job_id, JobPhase.QUEUED)
    assert queued.payment is not None


async def test_a_job_past_its_deadline_is_not_offered(world: World) -> None:
    await world.miner()
    await world.job(ttl_s=5)
    world.clock.advance(6)
    assert await world.services.leases.available(CLIENT, "miner-1") is None
