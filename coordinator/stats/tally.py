"""Counts of jobs and of miners' work, kept as blocks come.

A block's outcomes are counted in memory and written once: a handful of rows, however long the
chain is. Everything is derived from final blocks, so that following them again gives the same.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from coordinator.database.listed import Listed
from coordinator.database.marketplace_tables import market_totals, miner_records
from coordinator.database.prepared import Prepared, Value
from coordinator.duties import BLAMELESS
from coordinator.stats.reputation import MICRO, Weights, day_of
from ledger.actions import Action, ReleaseJob
from ledger.outcomes import Outcome, OutcomeKind
from ledger.types import Address, Amount, Hash, TimestampMs

K = OutcomeKind

LOCKED: Final = "locked"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
EXPIRED: Final = "expired"
COMPLETION_MS: Final = "completion_ms"
"""Sum over completed jobs, from the escrow's block to the receipt's."""
VOLUME: Final = "volume"
"""Nait that went to miners and to the coordinator."""

SUM_MAX: Final = 2**63 - 1
"""Greatest sum that is kept: it stays there. The same units may be paid again and again, so that a
sum grows beyond all units that there are, and beyond a column of 64 bits; the index of the chain
has the exact ones."""

_ENDS: Final[Mapping[OutcomeKind, str]] = {
    K.JOB_FAILED: FAILED,
    K.JOB_CANCELLED: CANCELLED,
    K.JOB_EXPIRED: EXPIRED,
}

_COUNTS: Final = ("attempts", "completed", "faults", "settled", "refuted", "work_ms", "earned")

_WEIGHED: Final = ("completed", "faults", "settled", "refuted")

_STORED: Final = (*_COUNTS, *(f"{name}_micro" for name in _WEIGHED), "faded_day")

# Statements are made once: to build one takes longer than to run it.
_TOTALS: Final = Prepared(select(market_totals.c.name, market_totals.c.value))
_NEW_TOTAL: Final = Prepared(insert(market_totals).inline(), ("name", "value"))
_SET_TOTAL: Final = Prepared(
    update(market_totals)
    .where(market_totals.c.name == bindparam("counted"))
    .values(value=bindparam("new_value"))
)
_RECORDS: Final = Listed(
    lambda addresses: select(miner_records).where(miner_records.c.miner.in_(addresses))
)
_NEW_RECORD: Final = Prepared(insert(miner_records).inline(), ("miner", "service", *_STORED))
_SET_RECORD: Final = Prepared(
    update(miner_records)
    .where(
        miner_records.c.miner == bindparam("of_miner"),
        miner_records.c.service == bindparam("of_service"),
    )
    .values({name: bindparam(f"new_{name}") for name in _STORED})
)


@dataclass(slots=True)
class _Track:
    """A job while a block is counted."""

    service: str
    escrowed_ms: TimestampMs = 0
    miner: Address | None = None
    """Who works on it, or made its receipt."""
    assigned_ms: TimestampMs = 0
    is_running: bool = False


@dataclass(slots=True)
class WorkTally:
    """Counts one block."""

    now_ms: TimestampMs
    """Time of the block."""
    _tracks: dict[Hash, _Track] = field(default_factory=dict)
    _totals: Counter[str] = field(default_factory=Counter)
    _work: dict[tuple[Address, str], Counter[str]] = field(default_factory=dict)

    def begin(
        self,
        job_id: Hash,
        service: str,
        escrowed_ms: TimestampMs | None,
        miner: Address | None,
        assigned_ms: TimestampMs | None,
    ) -> None:
        """Take a job that the block is about, as it is before it.

        Args:
            job_id: the job.
            service: its service.
            escrowed_ms: when its escrow became final, None if it is not.
            miner: who works on it, or made its receipt; None if nobody.
            assigned_ms: when its live attempt began; None without one.
        """
        self._tracks[job_id] = _Track(
            service=service,
            escrowed_ms=escrowed_ms or 0,
            miner=miner,
            assigned_ms=assigned_ms or 0,
            is_running=assigned_ms is not None,
        )

    def locked(self, job_id: Hash, service: str) -> None:
        """Count a job whose escrow is final now."""
        self._tracks.setdefault(job_id, _Track(service)).escrowed_ms = self.now_ms
        self._totals[LOCKED] += 1

    def follow(self, outcome: Outcome, action: Action | None) -> None:
        """Count an outcome about a known job.

        Args:
            outcome: any kind; what is no step of a job counts nothing.
            action: what the transaction did that caused it; None for automatic work.
        """
        step = self._STEPS.get(outcome.kind)
        if step is not None:
            step(self, self._tracks[outcome.object_id], outcome, action)

    def paid(self, job_id: Hash, miner: Amount, coordinator: Amount) -> None:
        """Count what the end of a job gave to its miner and its coordinator."""
        self._totals[VOLUME] += miner + coordinator
        if miner:
            self._of_miner(self._tracks[job_id])["earned"] += miner

    def save(self, connection: Connection) -> None:
        """Add what was counted to the tables."""
        if self._totals:
            _add_totals(connection, self._totals)
        if self._work:
            _add_work(connection, self._work, day_of(self.now_ms))

    def _assigned(self, job: _Track, outcome: Outcome, _action: Action | None) -> None:
        self._fault(job)  # A lease that ran out may be given to another without a release.
        job.miner, job.assigned_ms, job.is_running = outcome.parties[0], self.now_ms, True
        self._of_miner(job)["attempts"] += 1

    def _released(self, job: _Track, _outcome: Outcome, action: Action | None) -> None:
        assert isinstance(action, ReleaseJob)
        if action.reason in BLAMELESS:
            job.is_running = False
        self._fault(job)
        job.miner = None

    def _received(self, job: _Track, _outcome: Outcome, _action: Action | None) -> None:
        job.is_running = False
        self._totals[COMPLETED] += 1
        self._totals[COMPLETION_MS] += self.now_ms - job.escrowed_ms
        counts = self._of_miner(job)
        counts["completed"] += 1
        counts["work_ms"] += self.now_ms - job.assigned_ms

    def _judged(self, job: _Track, outcome: Outcome, _action: Action | None) -> None:
        settled = outcome.kind is K.JOB_SETTLED
        self._of_miner(job)["settled" if settled else "refuted"] += 1

    def _ended(self, job: _Track, outcome: Outcome, _action: Action | None) -> None:
        self._totals[_ENDS[outcome.kind]] += 1
        if outcome.kind is not K.JOB_CANCELLED:
            self._fault(job)
        job.is_running = False

    def _fault(self, job: _Track) -> None:
        """Count a running attempt against its miner."""
        if job.is_running:
            self._of_miner(job)["faults"] += 1
        job.is_running = False

    def _of_miner(self, job: _Track) -> Counter[str]:
        assert job.miner is not None, "a job that somebody works on, or did, names the miner"
        return self._work.setdefault((job.miner, job.service), Counter())

    _STEPS: ClassVar[Mapping[OutcomeKind, "_Step"]] = {
        K.JOB_ASSIGNED: _assigned,
        K.JOB_RELEASED: _released,
        K.RECEIPT_POSTED: _received,
        K.JOB_SETTLED: _judged,
        K.JOB_REFUNDED: _judged,
        **dict.fromkeys(_ENDS, _ended),
    }


_Step = Callable[[WorkTally, _Track, Outcome, Action | None], None]


def forget_counts(connection: Connection) -> None:
    """Empty the counts, so that the chain is counted again from its first block."""
    connection.execute(delete(market_totals))
    connection.execute(delete(miner_records))


def weights_of(row: Row[tuple[object, ...]], day: int) -> Weights:
    """Return the weights of a row of `miner_records` as they are on a day."""
    stored = Weights(row.completed_micro, row.faults_micro, row.settled_micro, row.refuted_micro)
    return stored.after(max(0, day - row.faded_day))


def _add_totals(connection: Connection, counted: Mapping[str, int]) -> None:
    known = {row.name: row.value for row in _TOTALS.all(connection)}
    new: list[dict[str, Value]] = [
        {"name": name, "value": 0} for name in counted if name not in known
    ]
    _NEW_TOTAL.run_all(connection, new)
    sums: list[dict[str, Value]] = [
        {"counted": name, "new_value": min(known.get(name, 0) + value, SUM_MAX)}
        for name, value in counted.items()
    ]
    _SET_TOTAL.run_all(connection, sums)


def _add_work(
    connection: Connection, work: Mapping[tuple[Address, str], Counter[str]], day: int
) -> None:
    rows = _RECORDS.all(connection, sorted({miner for miner, _ in work}))
    known = {(row.miner, row.service): row for row in rows}
    new: list[dict[str, Value]] = []
    more: list[dict[str, Value]] = []
    for (miner, service), counts in work.items():
        row = known.get((miner, service))
        weights = Weights(**{name: counts[name] * MICRO for name in _WEIGHED})
        if row is None:
            values: dict[str, Value] = {name: min(counts[name], SUM_MAX) for name in _COUNTS}
            new.append(values | _columns(weights, day) | {"miner": miner, "service": service})
            continue
        # Times of blocks rise, so what is stored is never from a later day.
        values = {name: min(getattr(row, name) + counts[name], SUM_MAX) for name in _COUNTS}
        values |= _columns(weights_of(row, day).plus(weights), day)
        given: dict[str, Value] = {f"new_{name}": value for name, value in values.items()}
        more.append(given | {"of_miner": miner, "of_service": service})
    _NEW_RECORD.run_all(connection, new)
    _SET_RECORD.run_all(connection, more)


def _columns(weights: Weights, day: int) -> dict[str, Value]:
    return {f"{name}_micro": getattr(weights, name) for name in _WEIGHED} | {"faded_day": day}
