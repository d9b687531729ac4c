"""What the index answers with: frozen dataclasses of bytes ids, integers and ledger types.

Jobs, receipts and miners are in `work_models`.

Ids are 32 bytes, addresses 20, amounts nait, times milliseconds; the text forms belong to whoever
shows them. None of this decides about money: that reads the final state (K1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ledger.actions import SubmitJob, Transfer, action_name
from ledger.block import Header
from ledger.outcomes import Outcome
from ledger.store.work_models import JobPhase, Position
from ledger.transaction import SignedTransaction
from ledger.types import Address, Amount, Hash, Height, TimestampMs


@dataclass(frozen=True, slots=True)
class KeptRange:
    """What an index has of the chain."""

    first_height: Height
    """The first block that was indexed; what came before is in no table."""
    transfers_from: Height
    """The first block whose plain transfers are kept; above `first_height` once some have left."""


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
    earned: Amount
    """Nait paid to miners, compensations included."""


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
    assigned: int
    """Jobs that were assigned for the first time."""
    wait_ms: int
    """Sum over these, from the block of the escrow to that of the assignment."""
    worked_ms: int
    """Sum over the receipts, from the block of the assignment to that of the receipt."""
