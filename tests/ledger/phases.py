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
    DisputeReceipt,
    FailJob,
    Reason,
    ReleaseJob,
)
from ledger.hashing import sha256
from ledger.jobs import Row
from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.types import Amount, Hash
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
        world.dispute_as_client(job_id, receipt_id)
    return job_id


def receipt_id_of(world: World, job_id: Hash) -> Hash:
    """Return the id of a job's receipt; any other id when it has none."""
    receipt = world.job(job_id).receipt
    return NO_RECEIPT_ID if receipt is None else receipt.receipt_id


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
