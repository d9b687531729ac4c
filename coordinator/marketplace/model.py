"""Offers and their acceptances as the services know them."""

from dataclasses import dataclass, field
from enum import StrEnum

from coordinator.values import JsonValue
from ledger.types import Amount, Hash, Height, TimestampMs

REQUIREMENTS_BYTES_MAX = 4_096
"""Longest requirements document, in bytes of canonical JSON."""

DURATION_S_MAX = 2_592_000
"""Longest an offer stays open: 30 days, as the chain has it."""


class OfferStatus(StrEnum):
    """Where an offer is (S2)."""

    PENDING = "pending"
    """Signed, and not final yet; shown to nobody."""
    ACTIVE = "active"
    """Open, with slots left."""
    EXHAUSTED = "exhausted"
    """All its slots were taken."""
    WITHDRAWN = "withdrawn"
    """Its miner took it back, or retired."""
    EXPIRED = "expired"
    """Its time is over."""


class AcceptancePhase(StrEnum):
    """Where an acceptance is."""

    PENDING = "pending"
    """Signed, and not final yet; it holds a slot."""
    FINAL = "final"
    """The chain bound the job to the miner."""
    LOST = "lost"
    """It never came to be; the slot is free again."""


@dataclass(frozen=True, slots=True)
class OfferWish:
    """What a miner wants to offer."""

    job_type: str
    """A service's id for its jobs, or any slug for jobs of this type or name (S2)."""
    price: Amount
    """Nait of each job."""
    max_jobs: int = 1
    """Jobs that it takes."""
    requirements: dict[str, JsonValue] = field(default_factory=dict)
    """What it asks of a job; its digest is on the chain."""
    duration_s: int = 3_600
    """Seconds that it is open, from its creation."""
    miner: str | None = None
    """Name of the miner; None where the key has one."""
    transaction: bytes | None = None
    """Signed `post_offer` of a miner with its own key; None for a managed one."""


@dataclass(frozen=True, slots=True)
class OfferView:
    """All that may be shown of an offer."""

    offer_id: Hash
    """Its id, and that of the transaction that made it (J27)."""
    miner: str
    """Name of its miner; the text of its address if it is not registered here."""
    job_type: str
    """Kind of job."""
    price: Amount
    """Nait of each job."""
    max_jobs: int
    """Jobs that it took at first."""
    jobs_left: int
    """Jobs that can still be accepted; those under way are counted as taken."""
    requirements: dict[str, JsonValue] | None
    """What it asks of a job; None where only the digest is known."""
    requirements_digest: Hash
    """SHA-256 of the canonical JSON."""
    status: OfferStatus
    """Where it is."""
    created_ms: TimestampMs
    """When it was made; a whole second."""
    expires_ms: TimestampMs
    """Until when it can be accepted."""
    reputation: float
    """Of its miner, 0 … 5."""


@dataclass(frozen=True, slots=True)
class OfferPage:
    """Part of the open offers, the cheapest first."""

    items: tuple[OfferView, ...]
    """The offers."""
    next_cursor: str | None
    """Pass as `cursor` for the offers after these; None at the end."""
    as_of_height: Height
    """Height that they follow."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An accepted offer, as the chain is about to have it."""

    transaction_id: Hash
    """Id of `accept_offer`."""
    offer_id: Hash
    """The offer."""
    job_id: Hash
    """The job."""
    phase: AcceptancePhase
    """Where it is; PENDING at first."""
    created_ms: TimestampMs
    """When it was signed."""
