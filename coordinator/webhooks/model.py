"""What a webhook is, and what is sent to it."""

from dataclasses import dataclass
from enum import StrEnum

from coordinator.values import ApiVersion
from ledger.types import Hash, TimestampMs


class EventType(StrEnum):
    """What a message tells. All but the last may be subscribed to."""

    JOB_COMPLETED = "job.completed"
    """A job has its result."""
    JOB_FAILED = "job.failed"
    """A job failed; also that it expired, for whoever is not subscribed to that."""
    JOB_CANCELLED = "job.cancelled"
    """A job was cancelled."""
    JOB_EXPIRED = "job.expired"
    """A job exceeded its time to live."""
    WEBHOOK_DISABLED = "webhook.disabled"
    """Another webhook of the client is not sent to any more."""
    WEBHOOK_TEST = "webhook.test"
    """What a client asks for to try a receiver; every webhook gets it."""


class WebhookStatus(StrEnum):
    """Whether messages are sent."""

    ACTIVE = "active"
    """They are."""
    DISABLED = "disabled"
    """They are not; its owner, or days of failure, said so."""


class MessageState(StrEnum):
    """What became of a message."""

    PENDING = "pending"
    """To be sent, or sent again."""
    RESENDING = "resending"
    """To be sent once more, because its owner asked for that."""
    DELIVERED = "delivered"
    """The receiver answered with 2xx."""
    FAILED = "failed"
    """Given up; its owner may still ask for it."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a client wants to be told."""

    webhook_id: str
    """``webhook_`` + hex."""
    client_id: str
    """Whose it is."""
    url: str
    """Where messages are sent."""
    events: frozenset[EventType]
    """What it is subscribed to."""
    api_version: ApiVersion
    """Version in which jobs are shown to it: that of its registration."""
    sealed_keys: bytes
    """Secret and seed of its signatures, sealed."""
    public_key: bytes
    """Ed25519 key that checks its v1a signatures."""
    status: WebhookStatus
    """Whether messages are sent."""
    reason: str
    """Why it was disabled: ``gone``, ``failing``, or empty."""
    created_ms: TimestampMs
    """When it was registered."""
    failing_since_ms: TimestampMs | None
    """First failure since the last message that arrived."""
    seq: int
    """Its place among all."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that a webhook is to be told."""

    seq: int
    """Its place among all."""
    message_id: str
    """``msg_`` + hex: the same whenever it is sent again; receivers know repetitions by it."""
    webhook_id: str
    """For which webhook."""
    event: EventType
    """What it tells."""
    job_id: Hash | None
    """The job that it is about; shown as it is when the message is sent."""
    content: str | None
    """JSON of what it tells, where it is about no job."""
    created_ms: TimestampMs
    """When it happened."""
    state: MessageState
    """What became of it."""
    attempts: int
    """How often it was sent."""
    due_ms: TimestampMs | None
    """When it is sent next; None if it is not, or while its webhook is disabled."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of a message, in the delivery log."""

    attempt: int
    """1 for the first."""
    started_ms: TimestampMs
    """When it began."""
    duration_ms: int
    """How long it took."""
    http_status: int | None
    """What the receiver answered; None without an answer."""
    outcome: str
    """``OK``, ``HTTP_ERROR``, or why there was no answer; see `coordinator.webhooks.sending`."""
