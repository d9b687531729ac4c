"""Types on the wire of version 2026-05-11 (document 003).

The members of its job are always there, null when absent. What the documents do not have and we
offer goes here (V5).
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from coordinator.leases.schemas import LeaseFields
from coordinator.presenters.specs import CURRENCY, Seconds, Window
from coordinator.presenters.states import State20260511
from coordinator.wire import AnyJson, Body, MoneyInput, NumberText, SizeInput, TimeText, View
from ledger.types import ModelName


class Constraints(Body, kw_only=True, frozen=True):
    """What the miner's machine has to have."""

    min_gpu_memory: SizeInput | None = None
    """Memory of one GPU: GiB, or a size such as `24GB`."""
    gpu_type: Annotated[str, Meta(max_length=64)] | None = None
    """Tokens that the GPU's name has to hold, such as `nvidia-rtx-3090`."""


class JobRequest(Body, kw_only=True, frozen=True):
    """A job of any service."""

    payload: dict[str, AnyJson]
    """`service` (`llm_inference` if absent and there is a `prompt`), `model`, `parameters`, and
    the service's input, such as `prompt`."""
    constraints: Constraints | None = None
    """What the miner's machine has to have."""
    ttl_seconds: Seconds = 900
    """Seconds after which an unfinished job expires and is refunded."""
    hold: bool = False
    """Whether the job waits, given to no miner, until its client accepts an offer for it."""
    offer_id: str | None = None
    """Offer that the job is taken to as soon as its escrow is final; its slot is taken at once."""
    dispute_window_seconds: Window = 0
    """Seconds after the receipt in which the client may dispute it; it settles only then."""
    payment_amount: MoneyInput | None = None
    """Most that the job may cost; the service's default if absent."""
    payment_currency: str = CURRENCY
    """Only `AITBC`."""


class PayloadMembers(Body, kw_only=True, frozen=True):
    """The members of a payload that every service has; the others are its input."""

    service: Annotated[str, Meta(max_length=64)] | None = None
    """Service that is asked for."""
    model: ModelName | None = None
    """Model that is asked for."""
    parameters: dict[str, AnyJson] | None = None
    """Parameters of the service."""


class JobEligibility(View, kw_only=True, frozen=True):
    """Which of the registered miners could be given a job, as of now."""

    registered_miners: int
    """Miners that are registered."""
    eligible_miners: int
    """Of these, how many could be given the job."""
    exclusions: dict[str, int]
    """Of the others, how many by the code of what keeps the job from them."""


class Job(View, kw_only=True, frozen=True):
    """A job. Neither payload nor result is shown."""

    job_id: str
    """Its id."""
    state: State20260511
    """Where it is."""
    assigned_miner_id: str | None
    """Miner of the current attempt; kept after the end."""
    requested_at: TimeText
    """When it was accepted."""
    expires_at: TimeText
    """`requested_at` + `ttl_seconds`."""
    error: str | None
    """Why it ended without a result."""
    payment_id: str | None
    """Its payment, once the escrow is final."""
    payment_status: str | None
    """Where the money is: escrowed, released, refunded or disputed."""
    error_code: str | UnsetType = UNSET
    """Stable code of `error`."""
    attempt: int
    """Number of the current attempt; 0 before the first."""
    progress: int | UnsetType = UNSET
    """0 to 100, once it runs."""
    receipt_id: str | UnsetType = UNSET
    """Its receipt, once that is final."""
    warnings: list[str] | UnsetType = UNSET
    """What the submission had that we do not know."""
    eligibility: JobEligibility | UnsetType = UNSET
    """Why it waits, or waited until it expired; left out once it had a miner, and in lists."""
    as_of_height: int
    """Final height that all of this follows."""


class JobPageView(View, kw_only=True, frozen=True):
    """A page of the caller's jobs, newest first."""

    jobs: list[Job]
    """The jobs."""
    total: int
    """Jobs that fit the filter."""
    limit: int
    """Most jobs of this page, as served."""
    offset: int
    """Jobs that were skipped."""


class CancelledJob(View, kw_only=True, frozen=True):
    """A cancelled job."""

    job_id: str
    """Its id."""
    state: State20260511
    """CANCELLED."""
    assigned_miner_id: str | None
    """Miner whose attempt was ended, if it ran."""
    error: str | None
    """Cancelled by user."""


class Result(View, kw_only=True, frozen=True):
    """What the miner delivered."""

    output: str
    """Its text; compact JSON where it is structured."""
    metadata: Mapping[str, AnyJson]
    """What the miner says about the run, with the structured result and artifacts if any."""


class ReceiptSummary(View, kw_only=True, frozen=True):
    """The receipt of a result."""

    job_id: str
    """The job."""
    miner_id: str
    """The miner's name."""
    signature: str
    """The miner's signature over the receipt's transaction, base64url."""
    receipt_id: str
    """Its id."""


class ResultProof(View, kw_only=True, frozen=True):
    """What checks the result against the digest in the receipt (J21, K4)."""

    result_digest: str
    """Hex of the digest in the receipt."""
    salt: str
    """Hex of the 32 bytes that blind it."""
    attempt: int
    """Attempt that is part of it."""
    document: str
    """Canonical JSON that it is made of."""


class ResultAnswer(View, kw_only=True, frozen=True):
    """The result of a completed job."""

    result: Result
    """What the miner delivered."""
    receipt: ReceiptSummary
    """The miner's receipt."""
    proof: ResultProof
    """How to check one against the other."""
    expires_at: TimeText
    """When the result is deleted here."""


class Payment(View, kw_only=True, frozen=True):
    """The money of a job, as the chain has it."""

    payment_id: str
    """Its id."""
    job_id: str
    """The job."""
    amount: NumberText
    """AITBC locked in escrow; does not change."""
    currency: Literal["AITBC"]
    """Always AITBC."""
    status: str
    """escrowed, released, refunded or disputed."""
    created_at: TimeText
    """Time of the block that locked it."""
    paid: NumberText
    """AITBC that went to miner and coordinator."""
    refunded: NumberText
    """AITBC that came back."""
    fee: NumberText
    """AITBC of the fees: the submission's, and an acceptance's of an offer."""
    dispute_until: TimeText | None = None
    """Until when the client may dispute the receipt; null where it may not."""


class Receipt(View, kw_only=True, frozen=True):
    """A miner's signed receipt in a final block."""

    job_id: str
    """The job."""
    miner_id: str
    """The miner's name."""
    signature: str
    """The miner's signature over the receipt's transaction, base64url."""
    timestamp: TimeText
    """Time of its block."""
    receipt_id: str
    """Its id; the transaction is at `/v1/receipts/{receipt_id}/transaction`."""
    public_key: str
    """The miner's public key, base64url."""
    custody: str
    """Who holds it: own or managed."""
    units: NumberText
    """Work done."""
    unit_type: str
    """What the units are."""
    price: NumberText
    """AITBC claimed."""
    model: str
    """Model that ran."""
    block_height: int
    """Block that holds it."""


class JobLease(LeaseFields, kw_only=True, frozen=True):
    """A lease: the job is assigned to the miner, in a final block."""

    job: Job
    """The job."""
