"""The invariants of ledger-rules.md, asserted after every block with arithmetic of their own.

Nothing here imports the rules that it checks: not the job table, not settlement, not state, trees
or transition, only the formats. What a block claims to have done (its outcome records and changed
records) is followed step by step from its transactions, with the tables of ledger-rules.md written
a second time and in another shape, so that a mistake has to be made twice to go unnoticed.
"""

from ledger.checker.broken import InvariantBroken
from ledger.checker.checker import Checker, StateToCompare

__all__ = ["Checker", "InvariantBroken", "StateToCompare"]
