"""What a transaction does: one wire type per action, numbered in a closed table.

The number is the first element of the action's array.
"""

from enum import IntEnum

import msgspec

from ledger.motions import AddAuthority, Motion
from ledger.statements import SignedStatement
from ledger.types import (
    Address,
    Amount,
    Attempt,
    Capacity,
    DurationMs,
    Hash,
    MinerName,
    ModelName,
    PublicKey,
    Slug,
    TimestampMs,
)


class Custody(IntEnum):
    """Who holds a miner's key; printed on its receipts (K3)."""

    OWN = 0
    MANAGED = 1


class Verification(IntEnum):
    """How a job's result is checked beyond the structural checks."""

    NONE = 0
    SPOT = 1


class UnitType(IntEnum):
    """What a receipt counts; amounts of it are integer micro-units."""

    NONE = 0
    TOKENS = 1
    AUDIO_SECONDS = 2
    IMAGES = 3
    VIDEO_SECONDS = 4
    FRAMES = 5
    COMPUTE_SECONDS = 6


class Reason(IntEnum):
    """Why an attempt or a job ended early, or a receipt is disputed. Codes only, no text (J21)."""

    UNSPECIFIED = 0
    BAD_INPUT = 1
    RUNNER_FAILED = 2
    MINER_DRAINING = 3
    LEASE_EXPIRED = 4
    HEARTBEAT_MISSED = 5
    NO_PAYLOAD = 6
    ATTEMPTS_EXHAUSTED = 7
    RESULT_NOT_DELIVERED = 8
    RESULT_MALFORMED = 9
    NO_SOURCE = 10
    PAYLOAD_MISMATCH = 11


class AttestationKind(IntEnum):
    """What the coordinator vouches for (J3)."""

    DELIVERY = 1
    RERUN = 2


class _Action(
    msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True, tag=0
):
    """Base of all actions: encoded as [number, fields in order]."""


class Transfer(_Action, frozen=True, tag=1):
    """Move balance from the sender to another account."""

    to: Address
    """Receiving account; made if it does not exist, for `account_fee` (T9)."""
    amount: Amount
    """Nait to move; at least 1."""


class RegisterMiner(_Action, frozen=True, tag=2):
    """Enter the sender as a miner under a unique name."""

    name: MinerName
    """Shown name, unique without regard to case."""
    capabilities_digest: Hash
    """SHA-256 of the capabilities document that the miner registered with the coordinator."""
    price_floor: Amount
    """Least price cap, in nait, of a job that may be assigned to this miner (J1)."""
    bond: Amount
    """Nait locked until `unbond_ms` after retirement; at least `miner_bond_min`."""
    custody: Custody
    """Who holds the signing key (K3)."""


class UpdateMiner(_Action, frozen=True, tag=3):
    """Change what the sender's miner offers; name, bond and custody stay."""

    capabilities_digest: Hash
    """SHA-256 of the new capabilities document."""
    price_floor: Amount
    """New least price cap in nait; running jobs keep theirs."""


class RetireMiner(_Action, frozen=True, tag=4):
    """Remove the sender's miner; its name is free again, its bond returns later (J23)."""


class SubmitJob(_Action, frozen=True, tag=5):
    """Lock the maximum price of a job in escrow. The transaction's id is the job's id (J27)."""

    coordinator: Address
    """Coordinator that may assign, release, attest, dispute and fail the job."""
    service: Slug
    """Service that is asked for."""
    payload_digest: Hash
    """Blinded digest of the input (J20)."""
    max_price: Amount
    """Nait to lock; at least 1."""
    start_by_ms: TimestampMs
    """Latest time of the first assignment (J18)."""
    deadline_ms: TimestampMs
    """Latest lease end; receipts are valid for the receipt grace beyond it (J7)."""
    dispute_ms: DurationMs
    """Time after the receipt before an attested job settles; 0 settles at once (J4)."""
    streamed: bool
    """Whether tokens are streamed, which makes cancelling cost the whole price cap (J5)."""
    verification: Verification
    """How the result is to be checked."""


class AssignJob(_Action, frozen=True, tag=6):
    """Give a job to a miner for one attempt."""

    job_id: Hash
    """The job."""
    attempt: Attempt
    """Current attempt + 1 (J9)."""
    miner: Address
    """Miner that shall do the work."""
    price_cap: Amount
    """Most that the receipt may claim; between the miner's floor and the maximum (J1)."""
    unit_type: UnitType
    """What the unit price counts; NONE when the price is not by unit."""
    unit_price: Amount
    """Nait per whole unit; 0 when `unit_type` is NONE."""
    lease_end_ms: TimestampMs
    """Until then nobody but the miner may end the attempt (J8)."""


class ReleaseJob(_Action, frozen=True, tag=7):
    """End the current attempt without a receipt; the job is queued again."""

    job_id: Hash
    """The job."""
    attempt: Attempt
    """Current attempt (J9)."""
    reason: Reason
    """Why."""


class PostReceipt(_Action, frozen=True, tag=8):
    """The assigned miner's signed receipt; repeats the job's terms to stand alone (J19)."""

    job_id: Hash
    """The job."""
    attempt: Attempt
    """Current attempt (J9)."""
    client: Address
    """The job's client, equal to the record."""
    coordinator: Address
    """The job's coordinator, equal to the record."""
    payload_digest: Hash
    """The job's blinded input digest, equal to the record."""
    price_cap: Amount
    """The assignment's price cap, equal to the record."""
    result_digest: Hash
    """Digest of the result, salted and bound to job, attempt and miner (J21)."""
    units_micro: Amount
    """Work done, in millionths of a unit."""
    unit_type: UnitType
    """What `units_micro` counts."""
    price: Amount
    """Nait claimed; J1 says what it must be."""
    model: ModelName
    """Model that ran; empty when the service has none."""
    started_ms: TimestampMs
    """When work began, as the miner claims (J26)."""
    completed_ms: TimestampMs
    """When work ended, as the miner claims; not before `started_ms` (J26)."""


class AttestReceipt(_Action, frozen=True, tag=9):
    """The coordinator vouches for a final receipt (J2, J3)."""

    job_id: Hash
    """The job."""
    receipt_id: Hash
    """Id of the receipt's transaction; another one is refused (J2)."""
    kind: AttestationKind
    """What is vouched for; at most one of each kind."""


class AcceptReceipt(_Action, frozen=True, tag=10):
    """The client accepts a receipt: the job settles at once."""

    job_id: Hash
    """The job."""
    receipt_id: Hash
    """Id of the receipt's transaction."""


class DisputeReceipt(_Action, frozen=True, tag=11):
    """Freeze settlement until a ruling or the timeout (J3, J13).

    With a bond it is the client's, and pays a fee; without one the coordinator's, and free.
    """

    job_id: Hash
    """The job."""
    receipt_id: Hash
    """Id of the receipt's transaction (J2)."""
    reason: Reason
    """Why."""
    bond: Amount
    """Nait that the client locks: the job's dispute bond, never 0; 0 from the coordinator."""


class FailJob(_Action, frozen=True, tag=12):
    """The coordinator ends a job without pay; the escrow returns to the client."""

    job_id: Hash
    """The job."""
    attempt: Attempt
    """Current attempt, 0 if there was none (J9)."""
    reason: Reason
    """Why."""


class CancelJob(_Action, frozen=True, tag=13):
    """The client ends its job."""

    job_id: Hash
    """The job."""
    compensation_max: Amount
    """Most nait the client is willing to pay the running miner; more is refused (J6)."""


class PostOffer(_Action, frozen=True, tag=14):
    """A miner offers to do jobs at a price. The transaction's id is the offer's id (J27)."""

    service: Slug
    """Kind of job, for people to find it: the client's signature is the match (J25)."""
    price: Amount
    """Price cap in nait of every job that it is accepted for; not below the miner's floor."""
    capacity: Capacity
    """Jobs that it can be accepted for."""
    requirements_digest: Hash
    """SHA-256 of the requirements document, kept off chain."""
    expires_ms: TimestampMs
    """Latest time at which it can be accepted."""


class WithdrawOffer(_Action, frozen=True, tag=15):
    """The miner takes its offer back; jobs that it was accepted for stay with the miner."""

    offer_id: Hash
    """The offer."""


class AcceptOffer(_Action, frozen=True, tag=16):
    """The client binds its queued job to an offer's miner; the lease ends at the deadline (J25)."""

    job_id: Hash
    """The client's own job."""
    offer_id: Hash
    """The offer."""
    price: Amount
    """The offer's price."""


class CastVote(_Action, frozen=True, tag=17):
    """An authority opens a ballot, or says yes or no to an open one (E6)."""

    ballot_id: Hash | None
    """The open ballot; None opens one, whose id is this transaction's (J27)."""
    motion: Motion | None
    """What a new ballot asks; None when `ballot_id` names one."""
    support: bool
    """Whether the authority is for it; always when it opens a ballot."""


class SubmitEvidence(_Action, frozen=True, tag=18):
    """Anyone shows two statements that a validator may not both sign; it is removed (E5)."""

    authority: PublicKey
    """Consensus key that signed both. Votes name their signer by its place in a set; evidence
    names the key, so that it can be judged without the sets of past epochs."""
    first: SignedStatement
    """One statement."""
    second: SignedStatement
    """Another one of the same epoch and view."""


Action = (
    Transfer
    | RegisterMiner
    | UpdateMiner
    | RetireMiner
    | SubmitJob
    | AssignJob
    | ReleaseJob
    | PostReceipt
    | AttestReceipt
    | AcceptReceipt
    | DisputeReceipt
    | FailJob
    | CancelJob
    | PostOffer
    | WithdrawOffer
    | AcceptOffer
    | CastVote
    | SubmitEvidence
)
"""Any action."""

ACTION_NAMES: dict[type[_Action], str] = {
    Transfer: "transfer",
    RegisterMiner: "register_miner",
    UpdateMiner: "update_miner",
    RetireMiner: "retire_miner",
    SubmitJob: "submit_job",
    AssignJob: "assign_job",
    ReleaseJob: "release_job",
    PostReceipt: "post_receipt",
    AttestReceipt: "attest_receipt",
    AcceptReceipt: "accept_receipt",
    DisputeReceipt: "dispute_receipt",
    FailJob: "fail_job",
    CancelJob: "cancel_job",
    PostOffer: "post_offer",
    WithdrawOffer: "withdraw_offer",
    AcceptOffer: "accept_offer",
    CastVote: "cast_vote",
    SubmitEvidence: "submit_evidence",
}
"""The name of each action in JSON, logs, metrics and pages."""

FEE_FREE = (
    AssignJob,
    ReleaseJob,
    PostReceipt,
    AttestReceipt,
    DisputeReceipt,
    FailJob,
    CastVote,
    SubmitEvidence,
)
"""Actions that carry fee 0: those bounded by the job that they belong to (J3, J10), of disputes
only the coordinator's, which locks no bond; ballots and evidence (T11)."""

JobAction = (
    AssignJob
    | ReleaseJob
    | PostReceipt
    | AttestReceipt
    | AcceptReceipt
    | DisputeReceipt
    | FailJob
    | CancelJob
    | AcceptOffer
)
"""Actions on a live job; `ledger.jobs` decides them by the job's state."""


def nested_signatures(action: Action) -> int:
    """Return how many signatures an action holds besides the one over its transaction (S7)."""
    if isinstance(action, SubmitEvidence):
        return 2
    if isinstance(action, CastVote) and isinstance(action.motion, AddAuthority):
        return 1
    return 0


def action_name(action: Action) -> str:
    """Return the name of an action."""
    return ACTION_NAMES[type(action)]
