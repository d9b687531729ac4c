"""Halts of the chain as the checker sees them: their record, and what is due under it (J12).

The second writing of `ledger.gap` and of the order in `ledger.due_queue`.
"""

from collections.abc import Mapping

from ledger.checker.meaning import last_moment_ms, moved_ms, window_end_ms
from ledger.params import Parameters
from ledger.records import Gap, Job, Record, Table, state_key
from ledger.types import TimestampMs

HALT_KEY = state_key(Table.GAP)


def halt_of(records: Mapping[bytes, Record]) -> Gap | None:
    """Return the record of a halt among all records."""
    record = records.get(HALT_KEY)
    return record if isinstance(record, Gap) else None


def halt_at(
    known: Gap | None,
    parameters: Parameters,
    times_ms: tuple[TimestampMs, TimestampMs],
    jobs: int,
) -> Gap | None:
    """Return the record under which a block works.

    Args:
        known: the record that its parent left.
        parameters: the parent's.
        times_ms: of the parent and of the block.
        jobs: how many are live in the parent's state.
    """
    parent_ms, now_ms = times_ms
    silence_ms = now_ms - parent_ms
    if jobs == 0 or silence_ms < parameters.halt_gap_ms + 1:
        return known
    credit_ran = known is not None and parent_ms < known.credit_until_ms
    start_ms = known.from_ms if known is not None and credit_ran else parent_ms
    return Gap(start_ms, now_ms, window_end_ms(now_ms, parameters.gap_grace_ms))


def due_under(record: Record, halt: Gap | None) -> TimestampMs:
    """Return when automatic work on a clocked record is due, under the record of a halt."""
    last_ms = last_moment_ms(record)
    assert last_ms is not None, "only clocked records are asked about"
    return second_of(moved_ms(last_ms, halt) if isinstance(record, Job) else last_ms)


def second_of(moment_ms: TimestampMs) -> TimestampMs:
    """Return the whole second that is not before a moment."""
    return moment_ms + -moment_ms % 1_000
