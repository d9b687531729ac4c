"""Halts of the chain do not expire work (J12).

While no block is made nobody can act, so a limit that passes then would punish people for what the
validators did. A block that comes more than `halt_gap_ms` after its parent records the halt in the
state, if there are jobs: `Gap(from, to, credit_until)`. Until it is cleared, every limit of jobs,
leases and disputes is read through

    eff(t) = max(t, credit_until) if from < t ≤ to else t

by actions and by the sweep alike. Bonds, ballots and transactions keep their own times. The record
is an item of the due queue, behind the jobs of its second: automatic work takes it out at
`credit_until`.
"""

from typing import Final

from ledger.due import later_ms
from ledger.params import Parameters
from ledger.records import Gap, Table, state_key
from ledger.types import TimestampMs

GAP_KEY: Final = state_key(Table.GAP)
"""State key of the record; there is at most one."""


def credited(limit_ms: TimestampMs, gap: Gap | None) -> TimestampMs:
    """Return eff(t): until when a limit counts."""
    if gap is not None and gap.from_ms < limit_ms <= gap.to_ms:
        return max(limit_ms, gap.credit_until_ms)
    return limit_ms


def ends_halt(parameters: Parameters, parent_ms: TimestampMs, now_ms: TimestampMs) -> bool:
    """Return whether a block comes so long after its parent that the chain had halted."""
    return now_ms - parent_ms > parameters.halt_gap_ms


def gap_after(
    known: Gap | None, parameters: Parameters, parent_ms: TimestampMs, now_ms: TimestampMs
) -> Gap:
    """Return the record of a halt that a block has ended while jobs were live.

    Args:
        known: the record in the parent's state.
        parameters: those of the parent's state.
        parent_ms: the parent's time.
        now_ms: the block's time.
    """
    from_ms = parent_ms
    if known is not None and known.credit_until_ms > parent_ms:
        # The credit of the halt before would run out in this one, in which nobody could use it.
        from_ms = known.from_ms
    return Gap(from_ms, now_ms, later_ms(now_ms, parameters.gap_grace_ms))
