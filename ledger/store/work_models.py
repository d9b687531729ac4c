"""What the index answers about work: jobs, receipts, miners. See `read_models`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ledger.actions import AttestationKind, Custody, PostReceipt, Reason, SubmitJob
from ledger.outcomes import OutcomeKind
from ledger.types import (
    Address,
    Amount,
    Attempt,
    DurationMs,
    Hash,
    Height,
    MinerName,
    TimestampMs,
)


class Position(NamedTuple):
    """Where an entry stands in the chain, and the key by which lists are paged.

    Pass the position of a page's last row as `before` to get the next, older page.
    """

    height: int
    """Height of the block."""
    entry: int
    """Index in the block, from 0, among entries of its kind."""


class Moment(NamedTuple):
    """When something happened on the chain."""

    height: int
    """Height of the block."""
    timestamp_ms: int
    """Time of the block."""


class JobPhase(StrEnum):
    """Where a job is, ended jobs included. What became of the money is `Payment`."""

    QUEUED = "QUEUED"
    """Waits for a miner."""
    RUNNING = "RUNNING"
    """Assigned to a miner."""
    COMPLETED = "COMPLETED"
    """The receipt is in; settled or not."""
    FAILED = "FAILED"
    """Ended by its coordinator without a receipt."""
    CANCELLED = "CANCELLED"
    """Ended by its client."""
    EXPIRED = "EXPIRED"
    """Ended by the clock."""


class Payment(StrEnum):
    """What became of a job's escrow."""

    ESCROWED = "ESCROWED"
    """Locked."""
    DISPUTED = "DISPUTED"
    """Locked, and its receipt is disputed."""
    RELEASED = "RELEASED"
    """Split by settlement; the client has the rest."""
    REFUNDED = "REFUNDED"
    """Back with the client, less the compensation of a cancelled attempt."""


@dataclass(frozen=True, slots=True)
class DisputeRow:
    """A dispute of a job's receipt, open or ended."""

    opener: Address
    """The client, or the coordinator."""
    reason: Reason
    """Why, as the opener says."""
    bond: Amount
    """Nait that the client locked; 0 for the coordinator's (J3)."""
    opened: Moment
    """When."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job, live or ended."""

    job_id: Hash
    """Its id: that of its submit transaction (J27)."""
    position: Position
    """Paging key: where it was submitted."""
    client: Address
    """Who submitted it."""
    terms: SubmitJob
    """What was asked for: coordinator, service, maximum price, times, digest."""
    submitted: Moment
    """When its escrow was locked."""
    phase: JobPhase
    """Where it is."""
    payment: Payment
    """What became of its escrow."""
    attempt: Attempt
    """Last attempt, 0 before the first assignment."""
    miner: Address | None
    """Miner of the last assignment; None before the first."""
    price_cap: Amount | None
    """Price cap of the last assignment."""
    lease_end_ms: TimestampMs | None
    """Lease end of the last assignment."""
    assigned: Moment | None
    """When the last assignment was made."""
    receipt_id: Hash | None
    """Its receipt, from COMPLETED on."""
    received: Moment | None
    """When the receipt was posted."""
    ended: Moment | None
    """When it ended; None while it lives."""
    end_kind: OutcomeKind | None
    """How it ended."""
    dispute: DisputeRow | None
    """The dispute of its receipt; None if there was none."""
    is_ruled: bool
    """Whether a ruling of the authorities ended the dispute."""
    end_reason: Reason | None
    """Reason that the end names; None while it lives and for ends that name none."""
    paid_miner: Amount
    """Nait that the miner got at the end, a dispute's bond that it won included."""
    paid_coordinator: Amount
    """Nait that the coordinator got at the end."""
    paid_client: Amount
    """Nait that went back to the client at the end, a dispute's bond that it kept included."""

    @property
    def miner_won_bond(self) -> Amount:
        """Nait of a client's bond that a ruling gave to the miner (J13)."""
        if self.dispute is None or not self.is_ruled:
            return 0
        return self.dispute.bond if self.end_kind is OutcomeKind.JOB_SETTLED else 0

    @property
    def coordinator(self) -> Address:
        """Its coordinator."""
        return self.terms.coordinator

    @property
    def service(self) -> str:
        """Service that was asked for."""
        return self.terms.service

    @property
    def max_price(self) -> Amount:
        """Nait that were locked."""
        return self.terms.max_price


@dataclass(frozen=True, slots=True)
class AttestationRow:
    """A coordinator's attestation of a receipt."""

    kind: AttestationKind
    """What was vouched for."""
    at: Moment
    """When."""
    transaction_id: Hash
    """The transaction that did it."""


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A miner's receipt."""

    receipt_id: Hash
    """Its id: that of its transaction (J27)."""
    position: Position
    """Paging key: where it was posted."""
    timestamp_ms: TimestampMs
    """Time of its block."""
    miner: Address
    """Who signed it."""
    miner_name: MinerName
    """The miner's name when it was posted."""
    custody: Custody
    """Who held the miner's key when it was posted (K3)."""
    content: PostReceipt
    """What the miner signed."""
    attestations: tuple[AttestationRow, ...]
    """What the coordinator vouched for, in order."""
    payment: Payment
    """What became of the job's escrow."""
    settled: Moment | None
    """When the job ended; None while the escrow is locked."""
    paid_miner: Amount
    """Nait that the miner got."""
    paid_coordinator: Amount
    """Nait that the coordinator got."""
    paid_client: Amount
    """Nait that went back to the client."""

    @property
    def height(self) -> Height:
        """Height of its block."""
        return self.position.height

    @property
    def job_id(self) -> Hash:
        """Its job."""
        return self.content.job_id

    @property
    def client(self) -> Address:
        """The job's client."""
        return self.content.client

    @property
    def coordinator(self) -> Address:
        """The job's coordinator."""
        return self.content.coordinator


@dataclass(frozen=True, slots=True)
class MinerRow:
    """A miner, registered or retired, and its work record."""

    miner: Address
    """Its address (J24)."""
    position: Position
    """Paging key: where it last registered."""
    name: MinerName
    """Shown name; a retired miner's name may belong to another by now."""
    capabilities_digest: Hash
    """SHA-256 of its capabilities document."""
    price_floor: Amount
    """Least price cap in nait (J1)."""
    bond: Amount
    """Nait locked at its registration."""
    custody: Custody
    """Who holds its key (K3)."""
    registered: Moment
    """When it last registered."""
    retired: Moment | None
    """When it retired; None while it is registered."""
    assignments: int
    """Attempts that it was given."""
    receipts: int
    """Receipts that it posted."""
    settled: int
    """Jobs that settled in its favour."""
    released: int
    """Attempts that ended by a release, its own or the coordinator's."""
    lost: int
    """Attempts that ended without receipt or release: lease taken away, failed or expired."""
    earned: Amount
    """Nait paid to it, compensations included."""
    timeouts: int
    """Attempts that ended because it was not heard from in time; among the released and lost."""
    refuted: int
    """Receipts whose dispute ended against it."""
    reruns: int
    """Receipts that a second run of the job agreed with."""


@dataclass(frozen=True, slots=True)
class CompletedJob:
    """How long a miner took for a job, and what it got: what statistics of its work are made of."""

    service: str
    """What was asked for."""
    took_ms: DurationMs | None
    """From the last assignment to the receipt; None where the index has not both."""
    paid: Amount
    """Nait paid to it; 0 before the job has ended."""
    ended_ms: TimestampMs | None
    """When it ended; None before that."""


@dataclass(frozen=True, slots=True)
class MinerDay:
    """What a miner did on a day of block time; docs/reputation.md says what is counted as what."""

    start_ms: TimestampMs
    """Start of the day, UTC."""
    attempts: int
    """Attempts that it was given."""
    completed: int
    """Attempts that ended with a receipt."""
    faults: int
    """Attempts that ended without one by its fault."""
    settled: int
    """Receipts that were paid."""
    refuted: int
    """Receipts whose dispute ended against it."""
    earned: Amount
    """Nait paid to it."""


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """How often something ended without pay, and why."""

    start_ms: TimestampMs
    """Start of the hour, UTC."""
    kind: OutcomeKind
    """What ended: an attempt (`JOB_RELEASED`), or a job, and how."""
    reason: Reason
    """Why, where the record names a reason."""
    count: int
    """How often."""


@dataclass(frozen=True, slots=True)
class ReasonTotal:
    """How often something ended without pay over some hours, and why."""

    kind: OutcomeKind
    """What ended: an attempt (`JOB_RELEASED`), or a job, and how."""
    reason: Reason
    """Why, where the record names a reason."""
    count: int
    """How often."""


class OfferStatus(StrEnum):
    """What became of an offer."""

    OPEN = "OPEN"
    """It can be accepted."""
    TAKEN = "TAKEN"
    """Accepted as often as it could be."""
    WITHDRAWN = "WITHDRAWN"
    """Taken back, or its miner retired."""
    EXPIRED = "EXPIRED"
    """Its time was over."""


@dataclass(frozen=True, slots=True)
class OfferRow:
    """A miner's offer to do jobs of a service at a price, open or closed (J25)."""

    offer_id: Hash
    """Its id: that of its transaction (J27)."""
    position: Position
    """Paging key: where it was posted."""
    miner: Address
    """Who offers."""
    service: str
    """Kind of job."""
    price: Amount
    """Price cap in nait of each job."""
    capacity: int
    """Jobs that it was posted for."""
    remaining: int
    """Jobs that it could still take when it was changed last."""
    posted: Moment
    """When."""
    expires_ms: TimestampMs
    """Latest time at which it can be accepted."""
    status: OfferStatus
    """What became of it."""
    closed: Moment | None
    """When it ended; None while it is open."""
