"""Errors about keys."""

from coordinator.clients.model import BudgetPeriod
from coordinator.errors import Conflict, CoordinatorError, InsufficientBalance, aitbc_text
from ledger.types import Amount


class KeyBudgetExceeded(InsufficientBalance):
    """The key's budget does not cover price and fee, whatever the wallet holds (P1)."""

    code = "KEY_BUDGET_EXCEEDED"

    def __init__(self, needed: Amount, left: Amount, period: BudgetPeriod) -> None:
        """State what is needed and what is left, in nait."""
        span = "" if period is BudgetPeriod.TOTAL else f" for this {period.value}"
        CoordinatorError.__init__(
            self,
            f"The budget of this API key does not cover this: {aitbc_text(needed)} AITBC are "
            f"needed with the fee, {aitbc_text(left)} are left{span}",
        )
        self.needed = needed
        self.available = left


class LastAdminKey(Conflict):
    """Nobody could operate the coordinator without this key."""

    code = "LAST_ADMIN_KEY"


class KeyEnded(Conflict):
    """The key was revoked or is past its end: nothing can follow it."""

    code = "KEY_ENDED"
