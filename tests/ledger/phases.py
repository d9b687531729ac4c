"""Jobs in every phase, and every action on them, for tests of the job table."""

from collections.abc import Callable
from enum import Enum
from typing import Final

from ledger.actions import (
    AcceptReceipt,
    Action,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    CastVote,
    DisputeReceipt,
    FailJob,
    Reason,
    ReleaseJob,
    Verification,
)
from ledger.hashing import sha256
from ledger.jobs import Row
from ledger.keys import KeyPair
from ledger.motions import Motion, ResolveDispute
from ledger.open_offers import offers_of
from ledger.outcomes import Outcome
from ledger.params import Parameters
from ledger.records import Job, JobState
from ledger.types import Amount, Hash, TimestampMs
from tests.ledger.offers import acceptance, offer
from tests.ledger.worlds import AITBC, PEOPLE, World

LEASE_MS: Final = 60_000
DISPUTE_BOND: Final = Parameters().dispute_bond
NO_RECEIPT_ID: Final = sha256(b"no receipt")


class Phase(Enum):
    """The states of the job table; a running job's lease is live or over."""

    Q = "queued"
    R = "running, lease live"
    L = "running, lease over"
    C = "receipt in"
    A = "receipt in and delivered"
    D = "disputed"
    E = "disputed and delivered"
    F = "disputed by the client"
    G = "disputed by the client and delivered"


def job_in(world: World, phase: Phase, *, dispute_ms: int = 120_000) -> Hash:
    """Bring a new job into a phase; the miner is registered already."""
    job_id = world.submit(dispute_ms=dispute_ms)
    if phase is Phase.Q:
        return job_id
    world.assign(job_id, lease_end_ms=world.now_ms + LEASE_MS)
    if phase is Phase.L:
        world.block(after_ms=LEASE_MS + 1)
    if phase in {Phase.R, Phase.L}:
        return job_id
    receipt_id = world.post(job_id)
    if phase in {Phase.A, Phase.E, Phase.G}:
        world.attest(job_id, receipt_id)
    if phase in {Phase.D, Phase.E}:
        world.dispute(job_id, receipt_id)
    if phase in {Phase.F, Phase.G}:
        dispute_as_client(world, job_id)
    return job_id


def queued_job(limit_ms: TimestampMs, max_price: Amount = 1) -> Job:
    """Return a job as it waits in a state made by hand, to start and to end by a time."""
    parameters = Parameters()
    return Job(
        client=PEOPLE.client.address,
        coordinator=PEOPLE.coordinator.address,
        service="llm_inference",
        payload_digest=sha256(b"payload"),
        max_price=max_price,
        start_by_ms=limit_ms,
        deadline_ms=limit_ms,
        dispute_ms=0,
        streamed=False,
        verification=Verification.NONE,
        share_bp=parameters.coordinator_share_bp,
        cancel_bp=parameters.cancel_bp,
        receipt_grace_ms=15_000,
        auto_settle_ms=parameters.auto_settle_ms,
        resolve_ms=parameters.resolve_ms,
        dispute_bond=parameters.dispute_bond,
        attempts_max=parameters.attempts_max,
        state=JobState.QUEUED,
        attempt=0,
        assignment=None,
        receipt=None,
        dispute=None,
    )


def dispute_as_client(
    world: World,
    job_id: Hash,
    *,
    key: KeyPair = PEOPLE.client,
    bond: Amount | None = None,
    after_ms: int = 1,
) -> Hash:
    """Dispute a receipt as the client, with the job's bond unless another is given."""
    bond = world.job(job_id).dispute_bond if bond is None else bond
    return world.act(key, _dispute(world, job_id, bond), after_ms=after_ms)


def decide(world: World, motion: Motion, *, after_ms: int = 1) -> Hash:
    """Open a ballot, which passes at once where one validator is all; return its id."""
    vote = CastVote(ballot_id=None, motion=motion, support=True)
    return world.act(PEOPLE.validators[0], vote, after_ms=after_ms)


def rule(world: World, job_id: Hash, *, for_miner: bool, after_ms: int = 1) -> Outcome:
    """Rule on a disputed job by ballot; return the outcome that ended it."""
    decide(world, ResolveDispute(job_id, for_miner), after_ms=after_ms)
    return world.results[-1].outcomes[-1]


def receipt_id_of(world: World, job_id: Hash) -> Hash:
    """Return the id of a job's receipt; any other id when it has none."""
    receipt = world.job(job_id).receipt
    return NO_RECEIPT_ID if receipt is None else receipt.receipt_id


def _accept_offer(world: World, job_id: Hash) -> Action:
    """Accept the miner's offer, which is made for it if there is none yet."""
    known = offers_of(world.head.state, PEOPLE.miner.address)
    return acceptance(world, job_id, known[0] if known else offer(world))


def _release(world: World, job_id: Hash) -> Action:
    return ReleaseJob(job_id, world.job(job_id).attempt, Reason.RUNNER_FAILED)


def _attest(world: World, job_id: Hash) -> Action:
    kind = AttestationKind.DELIVERY
    receipt = world.job(job_id).receipt
    if receipt is not None and receipt.delivery_attested:
        kind = AttestationKind.RERUN
    return AttestReceipt(job_id, receipt_id_of(world, job_id), kind)


def _dispute(world: World, job_id: Hash, bond: Amount) -> Action:
    return DisputeReceipt(job_id, receipt_id_of(world, job_id), Reason.RESULT_MALFORMED, bond)


ACTION_OF: Final[dict[Row, tuple[KeyPair, Callable[[World, Hash], Action]]]] = {
    Row.ASSIGN: (PEOPLE.coordinator, lambda world, job_id: world.assignment(job_id)),
    Row.ACCEPT_OFFER: (PEOPLE.client, _accept_offer),
    Row.RELEASE_BY_MINER: (PEOPLE.miner, _release),
    Row.RELEASE_BY_COORDINATOR: (PEOPLE.coordinator, _release),
    Row.POST_RECEIPT: (PEOPLE.miner, lambda world, job_id: world.receipt(job_id)),
    Row.ATTEST: (PEOPLE.coordinator, _attest),
    Row.ACCEPT: (
        PEOPLE.client,
        lambda world, job_id: AcceptReceipt(job_id, receipt_id_of(world, job_id)),
    ),
    Row.DISPUTE_BY_CLIENT: (
        PEOPLE.client,
        lambda world, job_id: _dispute(world, job_id, DISPUTE_BOND),
    ),
    Row.DISPUTE_BY_COORDINATOR: (
        PEOPLE.coordinator,
        lambda world, job_id: _dispute(world, job_id, 0),
    ),
    Row.FAIL: (
        PEOPLE.coordinator,
        lambda world, job_id: FailJob(job_id, world.job(job_id).attempt, Reason.BAD_INPUT),
    ),
    Row.CANCEL: (PEOPLE.client, lambda _, job_id: CancelJob(job_id, AITBC)),
}
"""The signer with the role of each row, and a right action for the job as it is; `Row.RESOLVE` has
no signer but a ballot."""
