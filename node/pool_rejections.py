"""Why the pool refuses, or no longer holds, what the ledger has nothing against.

What the ledger refuses keeps the ledger's code (`ledger.rejections`).
"""

import structlog

from ledger.errors import TransactionRejected

log = structlog.get_logger(__name__)


class SenderPoolLimit(TransactionRejected):
    """The sender has as many transactions pooled as one may have (T7)."""

    code = "SENDER_POOL_LIMIT"

    def __init__(self, limit: int) -> None:
        """State the limit."""
        super().__init__(f"the sender has {limit} transactions pooled: wait until some are final")


class FeeFreeAlreadyPooled(TransactionRejected):
    """Another fee-free transaction does the same (T7)."""

    code = "FEE_FREE_ALREADY_POOLED"

    def __init__(self, transaction_id: bytes) -> None:
        """Name the other one."""
        super().__init__(
            "one fee-free transaction per job, action, attempt and signer is pooled: "
            f"{transaction_id.hex()} waits already"
        )


class PoolFull(TransactionRejected):
    """There is no room, and nothing in the pool pays less (T7)."""

    code = "POOL_FULL"


class SignatureBudgetSpent(TransactionRejected):
    """Too many wrong signatures came from one source (T7)."""

    code = "SIGNATURE_BUDGET_SPENT"

    def __init__(self, failures: int, window_s: int) -> None:
        """State how many came in which time."""
        super().__init__(f"{failures} wrong signatures came from here in {window_s} s: wait")


class Evicted(TransactionRejected):
    """A transaction that pays more per byte took the place (T7)."""

    code = "EVICTED"

    def __init__(self) -> None:
        """Say what happened and what helps."""
        super().__init__("the pool was full and others paid more per byte: send it again later")


class NotIncluded(TransactionRejected):
    """No block included it while it was valid (T8)."""

    code = "NOT_INCLUDED"

    def __init__(self, valid_until_ms: int) -> None:
        """State the time that has passed."""
        super().__init__(f"valid_until_ms: {valid_until_ms} passed before a block included it")


class InternalFault(TransactionRejected):
    """The ledger of this node failed on it: a defect of this program, never the sender's."""

    code = "INTERNAL_FAULT"

    def __init__(self) -> None:
        """Say whose fault it is and what helps."""
        super().__init__("this node failed on the transaction: report it, with the node's log")


def fault_of(transaction_id: bytes, crash: Exception) -> InternalFault:
    """Report that the ledger failed on a transaction; return what it is refused with."""
    log.error("transaction_crashed", transaction_id=transaction_id.hex(), exc_info=crash)
    return InternalFault()
