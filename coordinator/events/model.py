"""What is told: events as they are stored, in no version's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from coordinator.values import JsonValue
from ledger.types import Hash, TimestampMs

Seq: TypeAlias = int
"""Place of an event in the log of its coordinator; it rises, and numbers may be missing."""


class EventKind(StrEnum):
    """What an event tells; the values are document 000's message types."""

    JOB_UPDATE = "job_update"
    """The state of a job changed. Data: `phase` and `attempt`."""
    MARKETPLACE_UPDATE = "marketplace_update"
    """An offer or a deal changed. Data: `event`, `offer_id`, `miner_id`, `transaction_id`?"""
    RECEIPT_CREATED = "receipt_created"
    """A receipt is final. Data: `receipt_id`, `job_id`, `miner_id`, all as on the wire."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is about to be recorded."""

    kind: EventKind
    """What it tells."""
    at_ms: TimestampMs
    """When it happened."""
    data: Mapping[str, JsonValue]
    """What happened; see `EventKind`."""
    client_id: str | None = None
    """Whose it is; None for what everybody may see."""
    job_id: Hash | None = None
    """The job, where it is about one."""

    def __post_init__(self) -> None:
        """Keep what is private from being recorded as public."""
        if self.kind is EventKind.JOB_UPDATE:
            assert self.client_id is not None, "what a job does is its client's to see"
            assert self.job_id is not None, "an update is about a job"


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the log."""

    seq: Seq
    """Its place."""
    kind: EventKind
    """What it tells."""
    at_ms: TimestampMs
    """When it happened."""
    data: Mapping[str, JsonValue]
    """What happened; see `EventKind`."""
    client_id: str | None
    """Whose it is; None for what everybody may see."""
    job_id: Hash | None
    """The job, where it is about one."""
