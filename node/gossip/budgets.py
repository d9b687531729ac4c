"""What the transactions of one peer may cost this node (T7).

Two budgets for each window of time. *Attention* pays for looking: a peer that asks for more is not
heard, as far as transactions go, until the window ends. *Garbage* counts what no honest node hands
on, because it is wrong whatever the state is: a peer that sends more than a little is cut. What
merely became invalid on the way costs attention and nothing else.

Anybody can be a follower, as often as it likes. So followers share their attention, and each has a
little of its own: many that only cost take little more than one validator could, and one that
passes on transactions of its clients is heard.
"""

from collections.abc import Callable
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
"""Attention of a window, for each validator, and for all followers together: honest peers need
about one for each transaction, at most 10,000/s."""

FOLLOWER_ATTENTION_MAX: Final = 2_000
"""Attention of a window that each follower has besides, whatever others do."""

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


class Attention:
    """Attention of windows of time."""

    __slots__ = ("_ends_at", "_left", "_most")

    def __init__(self, most: int) -> None:
        """Start with a full window.

        Args:
            most: attention of each window.
        """
        self._most = self._left = most
        self._ends_at = 0.0

    def pay(self, cost: int, now: float) -> bool:
        """Take attention; return False, and take none, when not so much is left."""
        self._renew(now)
        if cost > self._left:
            return False
        self._left -= cost
        return True

    def charge(self, cost: int, now: float) -> int:
        """Take attention that was given already; return how much of it was not left."""
        self._renew(now)
        taken = min(cost, self._left)
        self._left -= taken
        return cost - taken

    def _renew(self, now: float) -> None:
        if now >= self._ends_at:
            self._ends_at, self._left = now + WINDOW_SECONDS, self._most


class PeerBudget:
    """Budgets of one peer."""

    __slots__ = ("_followers", "_garbage", "_garbage_ends_at", "_is_follower", "_sure", "_whole")

    def __init__(self, is_follower: Callable[[], bool], followers: Attention) -> None:
        """Start with full budgets.

        Args:
            is_follower: whether the peer is a follower now.
            followers: attention that all followers share.
        """
        self._is_follower = is_follower
        self._followers = followers
        self._whole = Attention(ATTENTION_MAX)
        self._sure = Attention(FOLLOWER_ATTENTION_MAX)
        self._garbage = GARBAGE_MAX
        self._garbage_ends_at = 0.0

    def pay(self, cost: int, now: float) -> bool:
        """Take attention; return False, and take none, when not so much is left."""
        if self._is_follower():
            return self._sure.pay(cost, now) or self._followers.pay(cost, now)
        return self._whole.pay(cost, now)

    def charge(self, cost: int, now: float) -> None:
        """Take attention that was given already, even if nothing is left."""
        if self._is_follower():
            self._followers.charge(self._sure.charge(cost, now), now)
        else:
            self._whole.charge(cost, now)

    def throw_away(self, now: float) -> bool:
        """Count one piece of garbage; return False when that was too much."""
        if now >= self._garbage_ends_at:
            self._garbage_ends_at, self._garbage = now + WINDOW_SECONDS, GARBAGE_MAX
        self._garbage -= 1
        return self._garbage >= 0
