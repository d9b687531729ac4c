"""Strangers who use this coordinator by the chain alone: their own keys, nothing by its API."""

from coordinator.outbox import SignedBytes, Signer
from ledger.actions import AcceptOffer, Action, SubmitJob, Verification
from ledger.types import Amount, Hash
from tests.coordinator.world import AITBC, COORDINATOR, STRANGER, World


def submission(world: World, *, ttl_s: int = 86_000) -> SubmitJob:
    """Return a job that names this coordinator, which has no input for it (J31)."""
    until_ms = world.clock() + ttl_s * 1_000
    return SubmitJob(
        coordinator=COORDINATOR.address,
        service="llm_inference",
        payload_digest=bytes(32),
        max_price=AITBC,
        start_by_ms=until_ms,
        deadline_ms=until_ms,
        dispute_ms=0,
        streamed=False,
        verification=Verification.NONE,
    )


def signed(world: World, action: Action) -> SignedBytes:
    """Sign an action with the stranger's key."""
    signer = Signer(world.chain.chain_id, world.chain.tags, lambda count: b"\x07" * count)
    return signer.sign(world.services.core.moments.now(), STRANGER, action, 60_000)


async def send(world: World, action: Action) -> Hash:
    """Sign an action and send it to the chain, which takes it; return its id."""
    made = signed(world, action)
    (outcome,) = await world.chain.submit([made.signed])
    assert not outcome.code
    return made.transaction_id


async def submit(world: World, *, ttl_s: int = 86_000) -> Hash:
    """Submit a job and let the coordinator follow; return the job."""
    job_id = await send(world, submission(world, ttl_s=ttl_s))
    await world.quiet()
    return job_id


async def take(world: World, offer_id: Hash, price: Amount) -> Hash:
    """Take an offer for a job that has no input here; return the job."""
    job_id = await submit(world)
    await send(world, AcceptOffer(job_id=job_id, offer_id=offer_id, price=price))
    await world.quiet()
    return job_id
