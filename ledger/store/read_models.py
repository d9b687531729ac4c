"""What the index answers with: frozen dataclasses of bytes ids, integers and ledger types.

Ids are 32 bytes, addresses 20, amounts nait, times milliseconds; the text forms belong to whoever
shows them. None of this decides about money: that reads the final state (K1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ledger.actions import (
    AttestationKind,
    Custody,
    PostReceipt,
    Reason,
    SubmitJob,
    Transfer,
    action_name,
)
from ledger.block import Header
from ledger.outcomes import Outcome, OutcomeKind
from ledger.transaction import CODEC, SignedTransaction
from ledger.types import Address, Amount, Attempt, Hash, Height, MinerName, TimestampMs


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
class BlockRow:
    """An indexed block, without its body."""

    block_id: Hash
    """Its id."""
    header: Header
    """Its header; `codec.encode` gives the bytes that the id covers."""
    body_bytes: int
    """Size of its body."""
    certificate: bytes
    """Finality certificate, as consensus made it; empty for genesis."""

    @property
    def height(self) -> Height:
        """Its height; pass the last row's as `before_height` for the next page."""
        return self.header.height

    @property
    def timestamp_ms(self) -> TimestampMs:
        """Its time."""
        return self.header.timestamp_ms


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A final transaction."""

    transaction_id: Hash
    """Its id."""
    height: Height
    """Height of its block."""
    index: int
    """Index in the block's body."""
    block_id: Hash
    """Id of its block."""
    timestamp_ms: TimestampMs
    """Time of its block."""
    signed: bytes
    """Its canonical signed bytes."""
    content: SignedTransaction
    """The same, decoded."""

    @property
    def position(self) -> Position:
        """Paging key."""
        return Position(self.height, self.index)

    @property
    def sender(self) -> Address:
        """Account that signed it."""
        return self.content.transaction.sender

    @property
    def action(self) -> str:
        """Name of its action, such as ``post_receipt``."""
        return action_name(self.content.transaction.action)

    @property
    def fee(self) -> Amount:
        """Nait that went to the proposer."""
        return self.content.transaction.fee

    @property
    def job_id(self) -> Hash | None:
        """The job that it made or names; None if it concerns none."""
        action = self.content.transaction.action
        if isinstance(action, SubmitJob):
            return self.transaction_id
        job_id: Hash | None = getattr(action, "job_id", None)
        return job_id

    @property
    def recipient(self) -> Address | None:
        """Receiving account of a transfer, None for other actions."""
        action = self.content.transaction.action
        return action.to if isinstance(action, Transfer) else None


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """An outcome record of a final block (J28)."""

    height: Height
    """Height of its block."""
    index: int
    """Index among the block's outcomes."""
    timestamp_ms: TimestampMs
    """Time of its block."""
    outcome: Outcome
    """The record; `cause` names the transaction, empty if the block did it by itself."""

    @property
    def position(self) -> Position:
        """Paging key."""
        return Position(self.height, self.index)

    @property
    def cause(self) -> Hash | None:
        """Id of the transaction that did it; None for automatic work."""
        return self.outcome.cause or None


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
    end_reason: Reason | None
    """Reason that the end names; None while it lives and for ends that name none."""
    paid_miner: Amount
    """Nait that the miner got at the end."""
    paid_coordinator: Amount
    """Nait that the coordinator got at the end."""
    paid_client: Amount
    """Nait that went back to the client at the end."""

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


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One thing that concerned an account: a transaction, or a block's automatic work."""

    position: Position
    """Paging key. Its `entry` orders a block's activity and is not a transaction's index."""
    timestamp_ms: TimestampMs
    """Time of the block."""
    received: Amount
    """Nait that the account gained by it, a proposer's fees left out."""
    spent: Amount
    """Nait that it cost the account: moved, locked, and the fee if the account signed."""
    transaction: TransactionRow | None
    """The transaction; None for automatic work."""
    outcome: OutcomeRow | None
    """The automatic outcome; None for a transaction."""


class FoundKind(StrEnum):
    """What a search found."""

    BLOCK = "block"
    TRANSACTION = "transaction"
    RECEIPT = "receipt"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Found:
    """One object whose id starts with what was searched for."""

    kind: FoundKind
    """What it is. A job is also found as the transaction that made it, so is a receipt."""
    object_id: Hash
    """Its id."""
    height: Height
    """Height of its block."""


@dataclass(frozen=True, slots=True)
class ChainStats:
    """Totals up to the indexed height, kept by the indexer and not counted when asked."""

    height: int
    """Indexed height they hold at; -1 while nothing is indexed."""
    timestamp_ms: TimestampMs
    """Time of that block; 0 while nothing is indexed."""
    blocks: int
    """Blocks, genesis included."""
    transactions: int
    """Transactions."""
    outcomes: int
    """Outcome records."""
    receipts: int
    """Receipts posted."""
    jobs: int
    """Jobs submitted."""
    jobs_by_phase: Mapping[JobPhase, int]
    """Jobs in each phase; every phase is present."""
    miners: int
    """Miners registered now."""
    locked: Amount
    """Nait ever locked in escrows."""
    paid: Amount
    """Nait paid out of escrows to miners and coordinators."""
    refunded: Amount
    """Nait that went from escrows back to clients."""
    fees: Amount
    """Nait of transaction fees."""


@dataclass(frozen=True, slots=True)
class HourRow:
    """What one hour of block time saw."""

    start_ms: TimestampMs
    """Start of the hour, UTC; pass it as `before_ms` for the next page."""
    blocks: int
    """Blocks."""
    transactions: int
    """Transactions."""
    jobs: int
    """Jobs submitted."""
    receipts: int
    """Receipts posted."""
    settled: int
    """Jobs that settled."""
    unpaid: int
    """Jobs that ended otherwise."""
    paid: Amount
    """Nait paid to miners and coordinators."""
    refunded: Amount
    """Nait back to clients."""
    fees: Amount
    """Nait of transaction fees."""


def decode_signed(signed: bytes) -> SignedTransaction:
    """Return the transaction of bytes that the indexer checked against the block's root."""
    return CODEC.decode_trusted(signed)
