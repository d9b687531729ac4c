"""What the transactions of one peer may cost this node (T7).

Two budgets for each window of time. *Attention* pays for looking: a peer that asks for more is not
heard, as far as transactions go, until the window ends. *Garbage* counts what no honest node hands
on, because it is wrong whatever the state is: a peer that sends more than a little is cut. What
merely became invalid on the way costs attention and nothing else.
"""

from typing import Final

from ledger.errors import BytesMalformed, BytesNotCanonical, BytesTooLarge, SignatureInvalid
from ledger.governance_rejections import (
    EvidenceLegal,
    EvidenceSignatureInvalid,
    EvidenceWithoutContradiction,
    VoteInvalid,
)
from ledger.job_rejections import ReceiptTimesInvalid, UnitPriceInvalid
from ledger.rejections import AmountZero, FeeNotAllowed, VersionUnsupported, WrongChain

WINDOW_SECONDS: Final = 10.0
"""Length of a window."""

ATTENTION_MAX: Final = 200_000
"""Attention of a window: honest peers need about one for each transaction, at most 10,000/s."""

GARBAGE_MAX: Final = 16
"""Garbage of a window. One would prove a fault; the rest is for a program that is mistaken."""

GARBAGE_CODES: Final = frozenset(
    error.code
    for error in (
        AmountZero,
        BytesMalformed,
        BytesNotCanonical,
        BytesTooLarge,
        EvidenceLegal,
        EvidenceSignatureInvalid,
        EvidenceWithoutContradiction,
        FeeNotAllowed,
        ReceiptTimesInvalid,
        SignatureInvalid,
        UnitPriceInvalid,
        VersionUnsupported,
        VoteInvalid,
        WrongChain,
    )
)
"""Refusals that depend on the bytes alone, so that whoever sent them on could have known."""

LOOK_COST: Final = 1
"""Attention for a transaction, or for a reference in an announcement."""

REFUSAL_COST: Final = 5
"""Attention more for a transaction that is refused: it was decoded and judged."""

SERVE_COST: Final = 2
"""Attention for a transaction that a peer wants."""


class PeerBudget:
    """Budgets of one peer."""

    __slots__ = ("_attention", "_ends_at", "_garbage")

    def __init__(self) -> None:
        """Start with full budgets."""
        self._ends_at = 0.0
        self._attention = ATTENTION_MAX
        self._garbage = GARBAGE_MAX

    def pay(self, cost: int, now: float) -> bool:
        """Take attention; return False, and take none, when not so much is left."""
        self._renew(now)
        if cost > self._attention:
            return False
        self._attention -= cost
        return True

    def charge(self, cost: int, now: float) -> None:
        """Take attention that was given already, even if nothing is left."""
        self._renew(now)
        self._attention = max(0, self._attention - cost)

    def throw_away(self, now: float) -> bool:
        """Count one piece of garbage; return False when that was too much."""
        self._renew(now)
        self._garbage -= 1
        return self._garbage >= 0

    def _renew(self, now: float) -> None:
        if now >= self._ends_at:
            self._ends_at = now + WINDOW_SECONDS
            self._attention, self._garbage = ATTENTION_MAX, GARBAGE_MAX
