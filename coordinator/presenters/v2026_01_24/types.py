"""Types on the wire of version 2026-01-24 (documents 002 and 004), under 002's names (V6).

No property of its Job is nullable: what is absent is left out. Beyond the documents it has only
`error`, for failed jobs, and the request's `max_price` and `ttl_seconds` (V5).
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from coordinator.jobs import MODEL_DEFAULT
from coordinator.leases.schemas import LeaseFields
from coordinator.presenters.specs import LlmParams, Seconds, Window
from coordinator.presenters.states import Status20260124
from coordinator.wire import Body, MoneyInput, NumberText, TimeText, View
from ledger.types import ModelName


class JobRequest(Body, kw_only=True, frozen=True):
    """A prompt for a language model."""

    prompt: str
    """Input prompt"""
    model: ModelName = MODEL_DEFAULT
    """Model to run, or a name that a miner serves by another model."""
    params: LlmParams = msgspec.field(default_factory=LlmParams)
    """Parameters of the model."""
    max_price: MoneyInput | None = None
    """Most that the job may cost, in AITBC; the service's default if absent."""
    ttl_seconds: Seconds = 900
    """Seconds after which an unfinished job expires and is refunded."""
    hold: bool = False
    """Whether the job waits, given to no miner, until its client accepts an offer for it."""
    offer_id: str | None = None
    """Offer that the job is taken to as soon as its escrow is final; its slot is taken at once."""
    dispute_window_seconds: Window = 0
    """Seconds after the receipt in which the client may dispute it; it settles only then."""


class Job(View, kw_only=True, frozen=True):
    """A job. What is not there yet is left out."""

    job_id: str
    """Its id."""
    status: Status20260124
    """Where it is; an expired job has failed."""
    prompt: str | UnsetType = UNSET
    """What was asked; compact JSON of the input where there was no prompt."""
    model: str | UnsetType = UNSET
    """Model that was asked for."""
    result: str | UnsetType = UNSET
    """Text of the result; compact JSON where it is structured."""
    miner_id: str | UnsetType = UNSET
    """Miner of the current attempt."""
    created_at: TimeText
    """When it was accepted."""
    started_at: TimeText | UnsetType = UNSET
    """When the current attempt started."""
    completed_at: TimeText | UnsetType = UNSET
    """When the work ended, as its receipt says."""
    error: str | UnsetType = UNSET
    """Why it failed."""


class Signature(View, kw_only=True, frozen=True):
    """The miner's signature over its receipt's transaction."""

    alg: Literal["Ed25519"]
    """Algorithm."""
    key_id: str
    """The miner's public key, base64url without padding."""
    sig: str
    """The 64 bytes, base64url without padding."""


class Receipt(View, kw_only=True, frozen=True):
    """A miner's signed receipt in a final block."""

    receipt_id: str
    """Its id."""
    job_id: str
    """The job."""
    provider: str
    """The miner's name."""
    client: str
    """Address that pays."""
    units: NumberText
    """Work done."""
    unit_type: str
    """What the units are."""
    price: NumberText
    """AITBC claimed."""
    model: str
    """Model that ran."""
    started_at: int
    """Unix seconds, as the miner claims."""
    completed_at: int
    """Unix seconds, as the miner claims."""
    signature: Signature
    """The miner's signature."""


class JobLease(LeaseFields, kw_only=True, frozen=True):
    """A lease: the job is assigned to the miner, in a final block."""

    job: Job
    """The job."""
