"""The rows of the jobs that a block is about: read once, changed in memory, written once.

A block does the same few things to many jobs. A statement for each of them would cost more than
all else that the block does, so that each kind of change is one statement for all rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from sqlalchemy import Column, Connection, Table, bindparam, insert, select, update

from coordinator.database.listed import Listed
from coordinator.database.prepared import Prepared, Value
from coordinator.database.tables import attempts, jobs
from coordinator.leases.phase import AttemptPhase
from coordinator.outbox import OutboxState, store
from ledger.types import Address, Amount, Hash, TimestampMs

_JOBS: Final = Listed(
    lambda job_ids: select(
        jobs.c.job_id,
        jobs.c.service,
        jobs.c.max_price,
        jobs.c.deadline_ms,
        jobs.c.escrowed_ms,
        jobs.c.miner,
        jobs.c.receipt_id,
    ).where(jobs.c.job_id.in_(job_ids))
)

_ATTEMPTS: Final = Listed(
    lambda job_ids: (
        select(
            attempts.c.job_id,
            attempts.c.assignment_id,
            attempts.c.phase,
            attempts.c.assigned_ms,
            attempts.c.release_message,
        )
        .where(attempts.c.job_id.in_(job_ids))
        .order_by(attempts.c.attempt)
    )
)


@dataclass(slots=True)
class AttemptRow:
    """An attempt, as it is at this place of the block."""

    assignment_id: Hash
    """Its key."""
    phase: str
    """Where it is."""
    assigned_ms: TimestampMs | None = None
    """When its assignment became final."""
    release_message: str | None = None
    """What its miner said when it gave up."""


@dataclass(slots=True)
class JobRow:
    """A job, as it is before the block, with its attempts and what is on its way for it."""

    job_id: Hash
    """Its key."""
    service: str
    """Service id."""
    max_price: Amount
    """Nait in escrow."""
    deadline_ms: TimestampMs
    """When it expires."""
    escrowed_ms: TimestampMs | None = None
    """When its escrow became final."""
    miner: Address | None = None
    """Who works on it, or did."""
    receipt_id: Hash | None = None
    """Its receipt."""
    attempts: list[AttemptRow] = field(default_factory=list)
    """Oldest first."""
    pending: list[store.PendingRow] = field(default_factory=list)
    """Signed transactions whose fate is open."""

    def in_phase(self, phase: AttemptPhase) -> Iterator[AttemptRow]:
        """Yield the attempts that are in a phase; it may be changed meanwhile."""
        return (each for each in tuple(self.attempts) if each.phase == phase.value)


class Sheet:
    """The rows that one block changes, inside one database transaction."""

    def __init__(self, connection: Connection) -> None:
        """Begin with no row."""
        self._connection = connection
        self._inserts: defaultdict[Table, list[dict[str, Value]]] = defaultdict(list)
        self._updates: defaultdict[Column[bytes], dict[Hash, dict[str, Value]]]
        self._updates = defaultdict(dict)
        self._voided: list[Hash] = []
        self.jobs: dict[Hash, JobRow] = {}
        """The jobs that are in the table, of those that were read."""

    def read(self, job_ids: Collection[Hash]) -> None:
        """Read jobs, their attempts, and what is pending for them."""
        for row in _JOBS.all(self._connection, job_ids):
            self.jobs[row.job_id] = JobRow(
                job_id=row.job_id,
                service=row.service,
                max_price=row.max_price,
                deadline_ms=row.deadline_ms,
                escrowed_ms=row.escrowed_ms,
                miner=row.miner,
                receipt_id=row.receipt_id,
            )
        if not self.jobs:
            return
        for row in _ATTEMPTS.all(self._connection, job_ids):
            # An older version's rebuild left attempts of strangers' jobs that are not there yet.
            if row.job_id in self.jobs:
                attempt = AttemptRow(
                    row.assignment_id, row.phase, row.assigned_ms, row.release_message
                )
                self.jobs[row.job_id].attempts.append(attempt)
        for pending in store.pending_of_jobs(self._connection, list(self.jobs)):
            self.jobs[pending.job_id].pending.append(pending)

    def add(self, table: Table, **values: Value) -> None:
        """Insert a row; those of one block into one table have the same columns."""
        self._inserts[table].append(values)

    def set(self, key: Column[bytes], wanted: Hash, **values: Value) -> None:
        """Change columns of the row that has this key; what comes later counts."""
        self._updates[key].setdefault(wanted, {}).update(values)

    def void(self, transaction_id: Hash) -> None:
        """Note that nothing will accept pending bytes any more."""
        self._voided.append(transaction_id)

    def save(self) -> None:
        """Write what was noted since the last time."""
        for table, rows in self._inserts.items():
            _insert_of(table, tuple(rows[0])).run_all(self._connection, rows)
        for key, changes in self._updates.items():
            for columns, rows in _by_columns(changes).items():
                _update_of(key, columns).run_all(self._connection, rows)
        store.mark(self._connection, self._voided, OutboxState.VOID)
        self._inserts.clear()
        self._updates.clear()
        self._voided.clear()


def _by_columns(
    changes: dict[Hash, dict[str, Value]],
) -> dict[tuple[str, ...], list[dict[str, Value]]]:
    """Return the changes of rows, those of the same columns together."""
    found: defaultdict[tuple[str, ...], list[dict[str, Value]]] = defaultdict(list)
    for wanted, values in changes.items():
        columns = tuple(sorted(values))
        given: dict[str, Value] = {f"new_{name}": values[name] for name in columns}
        found[columns].append(given | {"wanted": wanted})
    return found


@cache
def _insert_of(table: Table, columns: Sequence[str]) -> Prepared:
    """Return the statement that adds a row with these columns; there are few of them."""
    return Prepared(insert(table).inline(), columns)


@cache
def _update_of(key: Column[bytes], columns: Sequence[str]) -> Prepared:
    """Return the statement that sets columns of the row with a key; there are few of them."""
    new: dict[str, object] = {name: bindparam(f"new_{name}") for name in columns}
    return Prepared(update(key.table).where(key == bindparam("wanted")).values(new))
