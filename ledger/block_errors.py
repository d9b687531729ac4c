"""Why a block is invalid for ever: one class per check, both values in each.

::

    BlockInvalid
    ├── HeaderMismatch         a header field is not what parent, set or body make it
    ├── HeaderFieldInvalid     a header field that no parent could make valid
    ├── BlockTimeNotRising     a time that is not later than the parent's (S5)
    ├── ProposerUnknown        a proposer outside the epoch's validator set
    ├── BlockLimitExceeded     too many bytes, transactions, or too much weight (S6, S7)
    └── BlockTransactionRefused  a transaction of the body is refused; carries the reason
"""

from ledger.errors import BlockInvalid, LedgerError
from ledger.types import Hash, PublicKey, TimestampMs


class HeaderMismatch(BlockInvalid):
    """A header field claims another value than the one that follows from parent and body."""

    code = "HEADER_MISMATCH"

    def __init__(self, field: str, claimed: object, computed: object) -> None:
        """Name the field; state the claimed and the computed value."""
        super().__init__(f"{field}: header says {_shown(claimed)}, it is {_shown(computed)}")
        self.field = field
        self.claimed = claimed
        self.computed = computed


class HeaderFieldInvalid(BlockInvalid):
    """A header field has a value that is wrong whatever the parent."""

    code = "HEADER_FIELD_INVALID"

    def __init__(self, field: str, value: object, rule: str) -> None:
        """Name the field, its value and the rule that it breaks."""
        super().__init__(f"{field}: {_shown(value)} {rule}")
        self.field = field
        self.value = value


class BlockTimeNotRising(BlockInvalid):
    """A block's time must be later than its parent's (S5)."""

    code = "BLOCK_TIME_NOT_RISING"

    def __init__(self, timestamp_ms: TimestampMs, parent_ms: TimestampMs) -> None:
        """State both times."""
        super().__init__(f"timestamp_ms: {timestamp_ms} is not later than the parent's {parent_ms}")
        self.timestamp_ms = timestamp_ms
        self.parent_ms = parent_ms


class ProposerUnknown(BlockInvalid):
    """The proposer is not a member of the epoch's validator set."""

    code = "PROPOSER_UNKNOWN"

    def __init__(self, proposer: PublicKey) -> None:
        """State the proposer's key."""
        super().__init__(f"proposer: {proposer.hex()} is not in the validator set")
        self.proposer = proposer


class BlockLimitExceeded(BlockInvalid):
    """A block is larger or heavier than the parent's parameters allow (S6, S7)."""

    code = "BLOCK_LIMIT_EXCEEDED"

    def __init__(self, what: str, value: int, limit: int) -> None:
        """Name the limit; state the block's value and the limit."""
        super().__init__(f"{what}: {value} exceeds {limit}")
        self.what = what
        self.value = value
        self.limit = limit


class BlockTransactionRefused(BlockInvalid):
    """A transaction of the body is refused: blocks contain valid transactions only."""

    code = "BLOCK_TRANSACTION_REFUSED"

    def __init__(self, index: int, transaction_id: Hash, reason: LedgerError) -> None:
        """State the transaction's place in the body, its id and why it is refused."""
        super().__init__(f"transaction {index} ({transaction_id.hex()}): {reason.code}: {reason}")
        self.index = index
        self.transaction_id = transaction_id
        self.reason = reason


def _shown(value: object) -> str:
    """Return bytes as hex, anything else as it prints."""
    return value.hex() if isinstance(value, bytes) else str(value)
