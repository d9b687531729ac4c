"""Jobs, version 2026-05-11: states in upper case, results with their receipt.

Members that may be absent are declared with ``| None``.
"""

from typing import Any

from aitbc.json_values import Answer, Record


class Job(Answer):
    """A job, version 2026-05-11."""

    job_id: str
    """Its id."""
    state: str
    """QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED or EXPIRED."""
    assigned_miner_id: str | None
    """Miner of the current attempt."""
    requested_at: str
    """When it was submitted, RFC 3339."""
    expires_at: str
    """When it expires unless it is done."""
    error: str | None
    """Why it ended without a result."""
    error_code: str | None
    """Stable code of `error`."""
    payment_id: str | None
    """Its payment, once the escrow is final."""
    payment_status: str | None
    """escrowed, released, refunded or disputed."""
    progress: int | None
    """Per cent, once it runs."""
    receipt_id: str | None
    """Its receipt, once that is final."""


class JobPage(Answer):
    """A page of jobs, version 2026-05-11; `jobs` holds plain objects, `list_jobs` types them."""

    jobs: list[Job]
    """The jobs, newest first."""
    total: int
    """How many there are in all."""
    limit: int
    """Most on a page."""
    offset: int
    """How many were skipped."""


class CancelledJob(Answer):
    """A job that was cancelled."""

    job_id: str
    """Its id."""
    state: str
    """CANCELLED."""
    assigned_miner_id: str | None
    """Miner that worked on it."""
    error: str | None
    """Cancelled by user."""


class Output(Record):
    """What a job produced."""

    output: str
    """The text, or compact JSON where the result is no text."""
    metadata: dict[str, Any]
    """What the miner tells besides."""


class ReceiptSummary(Record):
    """The receipt of a result."""

    job_id: str
    """The job."""
    miner_id: str
    """Name of the miner."""
    signature: str
    """The miner's signature, base64url."""
    receipt_id: str
    """Its id."""


class JobResult(Answer):
    """A result with its receipt, version 2026-05-11."""

    result: Output
    """What was produced."""
    receipt: ReceiptSummary
    """The miner's signed receipt."""
    expires_at: str | None
    """When the node deletes the result."""


class Payment(Answer):
    """The money of a job."""

    payment_id: str
    """Its id."""
    job_id: str
    """The job."""
    amount: float
    """AITBC in escrow, before and after it was paid out."""
    currency: str
    """AITBC."""
    status: str
    """escrowed, released, refunded or disputed."""
    created_at: str
    """Time of the escrow's block."""
    paid: float | None
    """AITBC that went to miner and coordinator."""
    refunded: float | None
    """AITBC that came back."""
    fee: float | None
    """AITBC of the submission's fee."""
    dispute_until: str | None
    """Until when the client may dispute the receipt."""


class JobReceipt(Answer):
    """A receipt, version 2026-05-11."""

    job_id: str
    """The job."""
    miner_id: str
    """Name of the miner."""
    signature: str
    """The miner's signature, base64url."""
    timestamp: str
    """Time of the receipt's block."""
    receipt_id: str | None
    """Its id."""
    public_key: str | None
    """The miner's public key, base64url."""


class JobEvent(Answer):
    """Something that happened to a job."""

    event: str
    """``state`` or ``text``."""
    event_id: str
    """From which the stream can be taken up again."""
    job_id: str
    """The job."""
    attempt: int
    """Number of the attempt."""
    state: str | None
    """State that it reached, version 2026-05-11."""
    status: str | None
    """Status that it reached, version 2024-01-01."""
    timestamp: str | None
    """When it did."""
    text: str | None
    """What the miner said."""
    offset: int | None
    """Where that begins in the attempt's text, in characters."""


class JobChange(Answer):
    """A state that a job reached, as its WebSocket tells it."""

    job_id: str
    """The job."""
    state: str | None
    """The state, version 2026-05-11."""
    status: str | None
    """The status, version 2024-01-01."""
    timestamp: str
    """When it was reached."""
    seq: int
    """Its number, from which listening can be taken up again."""


class Message(Answer):
    """Something that concerns a key, as `/ws` tells it."""

    type: str
    """``connected``, ``resync``, ``job_update``, ``receipt_created``, ``marketplace_update`` or
    ``heartbeat``."""
    data: Record
    """What there is to say of it; `docs/events.md` has the members."""
    seq: int
    """Its number, from which listening can be taken up again."""


class Quote(Answer):
    """What a submission of a job would come to now. It binds nobody."""

    service: str
    """Service that would do it."""
    model: str
    """Model that is asked for."""
    is_possible: bool
    """Whether a registered miner could be given it."""
    price: str | None
    """AITBC that the cheapest of these would be paid."""
    max_price: str
    """AITBC that would be locked in escrow; what is not paid comes back."""
    fee: str
    """AITBC of the submission's fee."""
    available_balance: str
    """AITBC that the caller can spend now."""
    registered_miners: int
    """Miners that are registered."""
    eligible_miners: int
    """Of these, how many could be given the job."""
    exclusions: dict[str, int]
    """Of the others, how many by the code of what keeps the job from them."""
    queued_ahead: int
    """Jobs of the same service that wait."""
    estimated_start: str | None
    """When it would be begun."""
    estimated_completion: str | None
    """When it would be done."""


class DeletedData(Answer):
    """What was deleted of a job. What the chain holds, digests and money, stays for ever."""

    job_id: str
    """The job."""
    deleted_at: str
    """When."""
    had_input: bool
    """Whether its input was still kept."""
    had_result: bool
    """Whether its result was."""
    artifacts: list[str]
    """Files that only this job named, and nobody else keeps."""
