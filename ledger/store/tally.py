"""Counters that the indexer keeps: totals over the chain, and rows by hour, miner and reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from sqlalchemy import Connection, select

from ledger.outcomes import OutcomeKind
from ledger.store.bulk import Row, add_rows, chunked, find_rows, upsert_rows
from ledger.store.index_tables import HOURS, MINER_DAYS, REASONS, TOTALS
from ledger.store.work_models import JobPhase
from ledger.types import Address, Amount, TimestampMs

HOUR_MS: Final = 3_600_000

DAY_MS: Final = 86_400_000

DAY_COUNTERS: Final = tuple(column.name for column in MINER_DAYS.columns)[2:]
"""Counters of a miner's day."""

HOUR_COUNTERS: Final = tuple(column.name for column in HOURS.columns)[1:]
"""Counters of an hour; each is also a total."""

OTHER_TOTALS: Final = ("outcomes", "miners", "locked", "earned")
"""Totals that are not kept by hour."""


def phase_total(phase: str) -> str:
    """Return the name of the total of jobs in a phase."""
    return f"jobs:{phase}"


TOTAL_NAMES: Final = (*HOUR_COUNTERS, *OTHER_TOTALS, *map(phase_total, JobPhase))


@dataclass(slots=True)
class Tally:
    """Counters as they are while a batch of blocks is folded in."""

    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOTAL_NAMES, 0))
    hours: dict[int, dict[str, int]] = field(default_factory=dict)
    days: dict[tuple[Address, int], dict[str, int]] = field(default_factory=dict)
    """What this batch adds to miners' days."""
    reasons: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """What this batch adds to the reasons of an hour."""
    _stored: dict[str, int] = field(default_factory=dict)
    _hour: dict[str, int] = field(default_factory=dict)
    _now_ms: TimestampMs = 0

    @classmethod
    def load(cls, connection: Connection, times: Iterable[TimestampMs]) -> "Tally":
        """Return the stored counters, those by hour for the hours of some blocks' times."""
        tally = cls()
        stored = find_rows(connection, TOTALS.c.name, TOTAL_NAMES)
        tally._stored = dict(cast("list[tuple[str, int]]", stored))
        tally.totals.update(tally._stored)
        numbers = {time // HOUR_MS for time in times}
        for row in find_rows(connection, HOURS.c.hour, sorted(numbers)):
            hour, *counts = cast("tuple[int, ...]", row)
            tally.hours[hour] = dict(zip(HOUR_COUNTERS, counts, strict=True))
        return tally

    def begin_block(self, timestamp_ms: TimestampMs) -> None:
        """Count what follows for the hour of this block."""
        self._now_ms = timestamp_ms
        number = timestamp_ms // HOUR_MS
        self._hour = self.hours.setdefault(number, dict.fromkeys(HOUR_COUNTERS, 0))

    def add(self, name: str, amount: int = 1) -> None:
        """Add to a total, and to the hour's counter if there is one."""
        self.totals[name] += amount
        if name in self._hour:
            self._hour[name] += amount

    def add_work(self, miner: Address, name: str, amount: int = 1) -> None:
        """Add to a counter of a miner's day."""
        key = (miner, self._now_ms // DAY_MS)
        self.days.setdefault(key, dict.fromkeys(DAY_COUNTERS, 0))[name] += amount

    def add_reason(self, kind: OutcomeKind, code: int) -> None:
        """Count an attempt or a job that ended without pay."""
        key = (self._now_ms // HOUR_MS, kind, code)
        self.reasons[key] = self.reasons.get(key, 0) + 1

    def move_phase(self, before: str | None, after: str) -> None:
        """Count a job in another phase; `before` is None for a new one."""
        if before is not None:
            self.totals[phase_total(before)] -= 1
        self.totals[phase_total(after)] += 1

    def end_job(self, *, settled: bool, paid: Amount, refunded: Amount) -> None:
        """Count a job's end."""
        self.add("settled" if settled else "unpaid")
        self.add("paid", paid)
        self.add("refunded", refunded)

    def save(self, connection: Connection) -> None:
        """Write the counters back that are others now."""
        upsert_rows(connection, TOTALS, [*(self.totals.items() - self._stored.items())])
        hours: list[Row] = [
            (number, *(counts[name] for name in HOUR_COUNTERS))
            for number, counts in self.hours.items()
        ]
        upsert_rows(connection, HOURS, hours)
        self._save_days(connection)
        add_rows(connection, REASONS, [(*key, count) for key, count in self.reasons.items()])

    def _save_days(self, connection: Connection) -> None:
        """Add what the batch counted to the days of miners; no engine can add their sums."""
        days, miners = self.days, sorted({miner for miner, _ in self.days})
        stored: dict[tuple[Address, int], Sequence[int]] = {}
        for part in chunked(miners):
            found = MINER_DAYS.c.miner.in_(part) & MINER_DAYS.c.day.in_({day for _, day in days})
            for miner, day, *counts in connection.execute(select(MINER_DAYS).where(found)):
                stored[miner, day] = counts
        rows: list[Row] = []
        for key, more in days.items():
            known = stored.get(key, (0,) * len(DAY_COUNTERS))
            sums = (before + more[name] for before, name in zip(known, DAY_COUNTERS, strict=True))
            rows.append((*key, *sums))
        upsert_rows(connection, MINER_DAYS, rows)
