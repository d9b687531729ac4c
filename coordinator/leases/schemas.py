"""Types on the wire of the miner protocol, the same in every version."""

import base64
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from coordinator.http.money import format_text
from coordinator.http.times import format_time
from coordinator.leases.model import HeartbeatReply, Lease, PollReply, Terms
from coordinator.wire import WITHOUT_NUL, AnyJson, Body, MoneyText, TimeText, View, job_text
from ledger.keys import format_address

MinerId = Annotated[str, Meta(min_length=1, max_length=128, pattern=WITHOUT_NUL)]
"""Name of a miner as the caller writes it; whether it is one shows when it is looked up."""

AttemptNumber = Annotated[int, Meta(ge=1, le=2**31)]
"""Number of an attempt, from the lease."""

HexBytes32 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""32 bytes in hex."""

HexTransaction = Annotated[str, Meta(pattern=r"\A([0-9a-f]{2})+\Z", max_length=2048)]
"""A signed transaction in hex."""


class PollRequest(Body, kw_only=True, frozen=True):
    """A miner waits for work."""

    miner_id: MinerId
    """Who asks."""
    wait_s: Annotated[float, Meta(ge=0, le=30)] = 0
    """Seconds to wait if there is nothing."""


class OfferedJob(View, kw_only=True, frozen=True):
    """A job that may be claimed; its input comes with the claim (J9)."""

    job_id: str
    """Its id."""
    service: str
    """Service that is asked for."""
    model: str
    """Model that is asked for."""
    max_price: MoneyText
    """AITBC in escrow."""


class PollAnswer(View, kw_only=True, frozen=True):
    """What there is to do."""

    job: OfferedJob | None
    """A job, or null when nothing fits."""
    reasons: dict[str, int]
    """Why queued jobs were not offered: jobs by code."""


class ClaimRequest(Body, kw_only=True, frozen=True):
    """A miner takes a job."""

    miner_id: MinerId
    """Who takes it."""
    heartbeat: bool = False
    """Whether the miner will send heartbeats; without them the lease is the attempt's limit."""


class LeaseTerms(View, kw_only=True, frozen=True):
    """What the receipt has to repeat and to keep to (J1, J19)."""

    client: str
    """Address that pays."""
    coordinator: str
    """Address of the coordinator."""
    payload_digest: HexBytes32
    """Blinded digest of the input."""
    price_cap: Annotated[str, Meta(pattern=r"\A[0-9]+\Z")]
    """Most that the receipt may claim, in nait."""
    unit_type: str
    """What `unit_price` counts; `none` when the price is not by unit."""
    unit_price: Annotated[str, Meta(pattern=r"\A[0-9]+\Z")]
    """Nait per whole unit."""
    deadline_ms: int
    """The job's deadline, milliseconds since the epoch."""


class LeaseFields(View, kw_only=True, frozen=True):
    """A lease without its job."""

    job_id: str
    """The job."""
    miner_id: str
    """Who holds the lease."""
    attempt: int
    """Number of the attempt; every later call names it."""
    lease_expires_at: TimeText
    """Until then nobody but the miner may end the attempt."""
    lease_end_ms: int
    """The same, in milliseconds since the epoch."""
    heartbeat_by: TimeText | None
    """When the next heartbeat is due; null for a miner that sends none."""
    heartbeat_interval_s: int
    """How often to send heartbeats; 0 for a miner that sends none."""
    service: str
    """Service that is asked for."""
    model: str
    """Model that is asked for."""
    input: Mapping[str, AnyJson]
    """The service's input."""
    params: Mapping[str, AnyJson]
    """Parameters with their defaults."""
    payload: str
    """The canonical payload that the digest covers, base64."""
    blind: HexBytes32
    """What blinds the digest (J20)."""
    terms: LeaseTerms
    """What the receipt has to say."""


class HeartbeatRequest(Body, kw_only=True, frozen=True):
    """A miner keeps its lease."""

    miner_id: MinerId
    """Who holds it."""
    attempt: AttemptNumber | None = None
    """The lease's attempt; the caller's current one if absent."""
    progress: Annotated[int, Meta(ge=0, le=100)] | None = None
    """How far the work is, in percent."""


class HeartbeatAnswer(View, kw_only=True, frozen=True):
    """Whether to go on."""

    cancel: bool
    """Whether to stop: the job ended."""
    heartbeat_by: TimeText
    """When the next heartbeat is due."""


class GiveUpRequest(Body, kw_only=True, frozen=True):
    """A miner ends its attempt without a result."""

    miner_id: MinerId
    """Who holds the lease."""
    attempt: AttemptNumber | None = None
    """The lease's attempt; the caller's current one if absent."""
    reason: Annotated[str, Meta(max_length=32)]
    """Code, such as BAD_INPUT, which fails the job, or RUNNER_FAILED, which queues it again."""
    message: Annotated[str, Meta(max_length=4096, pattern=WITHOUT_NUL)] = ""
    """For the client; it stays off the chain."""
    transaction: HexTransaction | None = None
    """Signed `release_job` of a miner with its own key; without it the lease runs out first."""


class GiveUpAnswer(View, kw_only=True, frozen=True):
    """What became of the job."""

    job_id: str
    """The job."""
    status: str
    """Its state, in the version's spelling."""


class JobResult(Body, kw_only=True, frozen=True):
    """A result as text; the receipt is signed by the miner's managed key."""

    miner_id: MinerId
    """Who did the work."""
    result: str
    """The text."""
    completed_at: TimeText | UnsetType = UNSET
    """When the work ended, as the miner claims."""
    attempt: AttemptNumber | None = None
    """The lease's attempt; the caller's current one if absent."""


class OutputArtifact(Body, kw_only=True, frozen=True):
    """A file of a result."""

    artifact: Annotated[str, Meta(pattern=r"\Asha256:[0-9a-f]{64}\Z")]
    """Its name, from the upload."""
    size: Annotated[int, Meta(ge=0, le=2**53 - 1)] | UnsetType = UNSET
    """Bytes."""
    name: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    """File name to suggest."""
    media_type: Annotated[str, Meta(max_length=127)] | UnsetType = UNSET
    """Media type."""


class ResultOutput(Body, kw_only=True, frozen=True):
    """A result of any service. Its canonical JSON is what the receipt's digest covers (J21)."""

    text: str | None = None
    """Text."""
    json: AnyJson = None
    """Structured result."""
    artifacts: Annotated[list[OutputArtifact], Meta(max_length=64)] = msgspec.field(
        default_factory=list
    )
    """Files, uploaded before."""
    metadata: dict[str, AnyJson] = msgspec.field(default_factory=dict)
    """What to say about the run, such as the engine."""


class SignedJobResult(Body, kw_only=True, frozen=True):
    """A result of a miner with its own key, with its signed receipt."""

    miner_id: MinerId
    """Who did the work."""
    attempt: AttemptNumber | None = None
    """The lease's attempt; the caller's current one if absent."""
    output: ResultOutput
    """The result."""
    salt: HexBytes32 | None = None
    """What blinds the result's digest; absent for a managed miner."""
    transaction: HexTransaction | None = None
    """Signed `post_receipt`; absent for a managed miner."""
    completed_at: TimeText | UnsetType = UNSET
    """When the work ended, as the miner claims."""


def poll_answer(reply: PollReply) -> PollAnswer:
    """Return the answer to a poll."""
    offer = reply.offer
    if offer is None:
        return PollAnswer(job=None, reasons=reply.reasons)
    job = OfferedJob(
        job_id=job_text(offer.job_id),
        service=offer.service,
        model=offer.model,
        max_price=format_text(offer.max_price),
    )
    return PollAnswer(job=job, reasons=reply.reasons)


def lease_fields(lease: Lease) -> LeaseFields:
    """Return what a lease says in every version."""
    by_ms = lease.heartbeat_by_ms
    return LeaseFields(
        job_id=job_text(lease.job.job_id),
        miner_id=lease.miner_name,
        attempt=lease.attempt,
        lease_expires_at=format_time(lease.lease_end_ms),
        lease_end_ms=lease.lease_end_ms,
        heartbeat_by=None if by_ms is None else format_time(by_ms),
        heartbeat_interval_s=lease.heartbeat_interval_s,
        service=lease.job.spec.service,
        model=lease.job.spec.model,
        input=lease.job.spec.input,
        params=lease.job.spec.params,
        payload=base64.b64encode(lease.payload).decode(),
        blind=lease.blind.hex(),
        terms=_terms(lease.terms),
    )


def _terms(terms: Terms) -> LeaseTerms:
    return LeaseTerms(
        client=format_address(terms.client),
        coordinator=format_address(terms.coordinator),
        payload_digest=terms.payload_digest.hex(),
        price_cap=str(terms.price_cap),
        unit_type=terms.unit_type.name.lower(),
        unit_price=str(terms.unit_price),
        deadline_ms=terms.deadline_ms,
    )


def heartbeat_answer(reply: HeartbeatReply) -> HeartbeatAnswer:
    """Return the answer to a heartbeat."""
    return HeartbeatAnswer(cancel=reply.cancel, heartbeat_by=format_time(reply.heartbeat_by_ms))
