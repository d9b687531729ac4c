"""A miner sends its receipt to the chain before its result to the coordinator (J8)."""

from coordinator.jobs.model import JobPhase
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.world import CLIENT, World


async def test_a_job_is_completed_for_its_client_once_the_result_is_there(world: World) -> None:
    miner = OwnMiner(world)
    await miner.register()
    job = await world.job()
    completion = miner.completion(await miner.claim(job.job_id), "An answer.")
    assert completion.transaction is not None
    await world.chain.submit([completion.transaction])
    await world.quiet()
    assert world.chain.job(job.job_id) is not None
    assert (await world.get(job.job_id)).phase is JobPhase.RUNNING

    await world.services.leases.complete(CLIENT, miner.name, job.job_id, completion)
    completed = await world.settled(job.job_id)
    assert completed.phase is JobPhase.COMPLETED
    assert completed.result is not None
    assert completed.payment is not None
    assert completed.payment.paid > 0


async def test_a_client_that_waits_is_answered_with_the_result(world: World) -> None:
    miner = OwnMiner(world)
    await miner.register()
    job = await world.job()
    completion = miner.completion(await miner.claim(job.job_id), "An answer.")
    assert completion.transaction is not None
    await world.chain.submit([completion.transaction])
    await world.quiet()
    await world.services.leases.complete(CLIENT, miner.name, job.job_id, completion)
    waited = await world.services.jobs.result(CLIENT, job.job_id, wait_s=5)
    assert waited.result is not None
