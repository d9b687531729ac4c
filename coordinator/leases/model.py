"""Leases: who works on a job, on which attempt and terms, and until when."""

from dataclasses import dataclass, field

from coordinator.jobs.model import JobView
from coordinator.values import JsonValue
from ledger.actions import UnitType
from ledger.types import Address, Amount, Attempt, Hash, TimestampMs


@dataclass(frozen=True, slots=True)
class Terms:
    """What a receipt has to repeat and to keep to (J1, J19)."""

    client: Address
    coordinator: Address
    payload_digest: Hash
    price_cap: Amount
    """Nait."""
    unit_type: UnitType
    """NONE when the price is not by unit: then a receipt claims at most the cap."""
    unit_price: Amount
    """Nait per whole unit."""
    deadline_ms: TimestampMs


@dataclass(frozen=True, slots=True)
class Lease:
    """An assignment that is final on the chain, with the input (J9)."""

    job: JobView
    """The job, RUNNING."""
    miner_name: str
    """Who holds it."""
    attempt: Attempt
    """Fencing token of every later call."""
    lease_end_ms: TimestampMs
    """Until then nobody but the miner ends the attempt (J8)."""
    heartbeat_by_ms: TimestampMs | None
    """When the next heartbeat is due; None for a miner that sends none (M3)."""
    heartbeat_interval_s: int
    """How often to send heartbeats; 0 for a miner that sends none."""
    payload: bytes
    """Canonical JSON of input, model, params and service."""
    blind: bytes
    """32 bytes that the payload digest is blinded with (J20)."""
    terms: Terms
    """What the receipt has to say."""


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """Answer to a heartbeat."""

    cancel: bool
    """Whether to stop: the job ended while it ran."""
    heartbeat_by_ms: TimestampMs
    """When the next one is due."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A job that a miner may claim now; nothing is assigned yet."""

    job_id: Hash
    """The job; its input comes with the claim (J9)."""
    service: str
    """Service that it asks for."""
    model: str
    """Model that it asks for."""
    max_price: Amount
    """Nait in escrow."""


@dataclass(frozen=True, slots=True)
class PollReply:
    """Answer to a poll."""

    offer: Offer | None
    """A job, or None when the wait ended without one."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Why queued jobs were not offered: jobs by reason code."""


@dataclass(frozen=True, slots=True)
class Output:
    """A result as a miner delivers it."""

    text: str | None = None
    json: JsonValue = None
    artifacts: tuple[JsonValue, ...] = ()
    """Objects `{artifact, size?, name?, media_type?}`; part of the document as they came."""
    metadata: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a miner delivers at the end of an attempt."""

    output: Output
    """The result; a literal miner's `result` string is its text."""
    attempt: Attempt | None = None
    """Attempt; None means the caller's current one (M4)."""
    salt: bytes | None = None
    """32 bytes; None for a managed miner, for which the coordinator chooses."""
    transaction: bytes | None = None
    """Signed `post_receipt`; None for a managed miner."""
    completed_ms: TimestampMs | None = None
    """When the work ended, as the miner claims (M4)."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A miner ends its attempt without a result."""

    attempt: Attempt | None
    """Attempt; None means the caller's current one."""
    reason: str
    """Name of a `ledger.actions.Reason`."""
    message: str = ""
    """For the client, off chain; at most 500 characters are kept."""
    transaction: bytes | None = None
    """Signed `release_job` of a miner with its own key; without it the lease has to run out."""
