"""Types on the wire of version 2024-01-01 (document 000).

What is absent is left out. Beyond the document it has only `error`, for failed jobs, and in the
request `ttl_seconds` and a program of one's own (V5).
"""

from collections.abc import Mapping
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from coordinator.leases.schemas import LeaseFields
from coordinator.presenters.specs import Seconds, Window
from coordinator.presenters.states import Status20240101
from coordinator.wire import WITHOUT_NUL, AnyJson, Body, MoneyInput, SizeInput, TimeText, View
from ledger.types import ModelName

Word = Annotated[str, Meta(max_length=64, pattern=WITHOUT_NUL)]
"""A type of something."""

AmountInput = Annotated[
    object,
    Meta(extra_json_schema={"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}),
]
"""Processors or GPUs: a number, or a string such as `1000m`."""


class Program(Body, kw_only=True, frozen=True):
    """A program to run."""

    type: Word
    """`python`."""
    entrypoint: Annotated[str, Meta(max_length=128)] | None = None
    """File that is run, such as `model.py`."""
    requirements: Annotated[list[Annotated[str, Meta(max_length=128)]], Meta(max_length=32)] = (
        field(default_factory=list)
    )
    """Packages that it imports."""
    source: str | None = None
    """Text of the program; without it and `artifact`, the miner's library has it by its name."""
    artifact: Annotated[str, Meta(max_length=80)] | None = None
    """The program as an uploaded file, `artifact:sha256:…`."""


class Output(Body, kw_only=True, frozen=True):
    """What the result is to be."""

    type: Word | None = None
    """Its form, such as `json`."""


class Resources(Body, kw_only=True, frozen=True):
    """What the miner's machine has to have."""

    cpu: AmountInput | None = None
    """Processor: cores, or thousandths of one such as `1000m`."""
    memory: SizeInput | None = None
    """Main memory: GiB, or a size such as `2Gi`."""
    gpu: AmountInput | None = None
    """Number of GPUs."""


class Pricing(Body, kw_only=True, frozen=True):
    """What the client pays."""

    max_cost: MoneyInput | None = None
    """Most that the job may cost, in AITBC; the service's default if absent."""


class JobRequest(Body, kw_only=True, frozen=True):
    """A job of any service."""

    type: Word
    """A service's id, or `ai-inference`."""
    name: Annotated[str, Meta(max_length=200, pattern=WITHOUT_NUL)] = ""
    """The client's name for it; also that of a program in the miner's library."""
    model: Program | ModelName | None = None
    """A program, or the name of a model."""
    input: dict[str, AnyJson] = field(default_factory=dict)
    """Input of the service, with its parameters as `params`."""
    output: Output = field(default_factory=Output)
    """What the result is to be."""
    resources: Resources = field(default_factory=Resources)
    """What the miner's machine has to have."""
    pricing: Pricing = field(default_factory=Pricing)
    """What the client pays."""
    ttl_seconds: Seconds = 900
    """Seconds after which an unfinished job expires and is refunded."""
    hold: bool = False
    """Whether the job waits, given to no miner, until its client accepts an offer for it."""
    offer_id: str | None = None
    """Offer that the job is taken to as soon as its escrow is final; its slot is taken at once."""
    dispute_window_seconds: Window = 0
    """Seconds after the receipt in which the client may dispute it; it settles only then."""


class CreatedJob(View, kw_only=True, frozen=True):
    """A new job."""

    job_id: str
    """Its id."""
    status: Status20240101
    """Where it is."""
    created_at: TimeText
    """When it was accepted."""
    estimated_completion: TimeText
    """When such jobs usually end."""


class Job(View, kw_only=True, frozen=True):
    """A job. What is not there yet is left out."""

    job_id: str
    """Its id."""
    status: Status20240101
    """Where it is; an expired job has failed."""
    progress: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    """Per cent, once it runs."""
    created_at: TimeText
    """When it was accepted."""
    started_at: TimeText | UnsetType = UNSET
    """When the current attempt started."""
    estimated_completion: TimeText
    """When such jobs usually end."""
    miner_id: str | UnsetType = UNSET
    """Miner of the current attempt."""
    error: str | UnsetType = UNSET
    """Why it failed."""


class ListedJob(View, kw_only=True, frozen=True):
    """A job in a list."""

    job_id: str
    """Its id."""
    status: Status20240101
    """Where it is."""
    type: str
    """Type as the client wrote it."""
    created_at: TimeText
    """When it was accepted."""


class JobList(View, kw_only=True, frozen=True):
    """A page of the caller's jobs, newest first."""

    jobs: list[ListedJob]
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
    status: Status20240101
    """`cancelled`."""
    cancelled_at: TimeText
    """Time of the block in which it was cancelled."""


class JobResults(View, kw_only=True, frozen=True):
    """The results of a completed job."""

    job_id: str
    """The job."""
    status: Status20240101
    """`completed`."""
    results: Mapping[str, AnyJson]
    """What the miner delivered: its structured result, or its text as `output`; and `artifacts`."""
    completed_at: TimeText
    """When the work ended, as its receipt says."""


class Signature(View, kw_only=True, frozen=True):
    """The miner's signature over its receipt's transaction."""

    sig: str
    """The 64 bytes, base64."""
    public_key: str
    """The miner's public key, base64."""


class Attestation(View, kw_only=True, frozen=True):
    """What the coordinator vouches for, in a final block."""

    type: str
    """`completion`: the result arrived and is the receipt's; `rerun`: another run agreed."""
    timestamp: TimeText
    """Time of its block."""
    signature: str
    """The coordinator's signature over the attestation's transaction, base64."""


class Receipt(View, kw_only=True, frozen=True):
    """A miner's signed receipt in a final block."""

    receipt_id: str
    """Its id."""
    job_id: str
    """The job."""
    miner_id: str
    """The miner's name."""
    signature: Signature
    """The miner's signature."""
    attestations: list[Attestation]
    """What the coordinator vouches for."""
    created_at: TimeText
    """Time of its block."""


class JobLease(LeaseFields, kw_only=True, frozen=True):
    """A lease: the job is assigned to the miner, in a final block."""

    job: Job
    """The job."""
