"""The rows of the jobs that a block is about: read once, changed in memory, written once.

A block does the same few things to many jobs. A statement for each of them would cost more than
all else that the block does, so that each kind of change is one statement for all rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from sqlalchemy import Column, Connection, Table, Update, bindparam, insert, select, update

from coordinator.database.parts import rows_of
from coordinator.database.tables import attempts, jobs
from coordinator.leases.phase import AttemptPhase
from coordinator.outbox import OutboxState, store
from ledger.types import Address, Amount, Hash, TimestampMs

_JOBS: Final = select(
    jobs.c.job_id,
    jobs.c.service,
    jobs.c.max_price,
    jobs.c.deadline_ms,
    jobs.c.escrowed_ms,
    jobs.c.miner,
    jobs.c.receipt_id,
).where(jobs.c.job_id.in_(bindparam("job_ids", expanding=True)))

_ATTEMPTS: Final = (
    select(
        attempts.c.job_id,
        attempts.c.assignment_id,
        attempts.c.phase,
        attempts.c.assigned_ms,
        attempts.c.release_message,
    )
    .where(attempts.c.job_id.in_(bindparam("job_ids", expanding=True)))
    .order_by(attempts.c.attempt)
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
        self._inserts: defaultdict[Table, list[dict[str, object]]] = defaultdict(list)
        self._updates: defaultdict[Column[bytes], dict[Hash, dict[str, object]]]
        self._updates = defaultdict(dict)
        self._voided: list[Hash] = []
        self.jobs: dict[Hash, JobRow] = {}
        """The jobs that are in the table, of those that were read."""

    def read(self, job_ids: Collection[Hash]) -> None:
        """Read jobs, their attempts, and what is pending for them."""
        for row in rows_of(self._connection, _JOBS, "job_ids", job_ids):
            self.jobs[row.job_id] = JobRow(*row)
        if not self.jobs:
            return
        for job_id, *attempt in rows_of(self._connection, _ATTEMPTS, "job_ids", job_ids):
            # An older version's rebuild left attempts of strangers' jobs that are not there yet.
            if job_id in self.jobs:
                self.jobs[job_id].attempts.append(AttemptRow(*attempt))
        for pending in store.pending_of_jobs(self._connection, list(self.jobs)):
            self.jobs[pending.job_id].pending.append(pending)

    def add(self, table: Table, **values: object) -> None:
        """Insert a row; those of one block into one table have the same columns."""
        self._inserts[table].append(values)

    def set(self, key: Column[bytes], wanted: Hash, **values: object) -> None:
        """Change columns of the row that has this key; what comes later counts."""
        self._updates[key].setdefault(wanted, {}).update(values)

    def void(self, transaction_id: Hash) -> None:
        """Note that nothing will accept pending bytes any more."""
        self._voided.append(transaction_id)

    def save(self) -> None:
        """Write what was noted since the last time."""
        for table, rows in self._inserts.items():
            self._connection.execute(insert(table), rows)
        for key, changes in self._updates.items():
            for columns, rows in _by_columns(changes).items():
                self._connection.execute(_update_of(key, columns), rows)
        store.mark(self._connection, self._voided, OutboxState.VOID)
        self._inserts.clear()
        self._updates.clear()
        self._voided.clear()


def _by_columns(
    changes: dict[Hash, dict[str, object]],
) -> dict[tuple[str, ...], list[dict[str, object]]]:
    """Return the changes of rows, those of the same columns together."""
    found: defaultdict[tuple[str, ...], list[dict[str, object]]] = defaultdict(list)
    for wanted, values in changes.items():
        columns = tuple(sorted(values))
        given: dict[str, object] = {f"new_{name}": values[name] for name in columns}
        found[columns].append(given | {"wanted": wanted})
    return found


@cache
def _update_of(key: Column[bytes], columns: Sequence[str]) -> Update:
    """Return the statement that sets columns of the row with a key; there are few of them."""
    new: dict[str, object] = {name: bindparam(f"new_{name}") for name in columns}
    return update(key.table).where(key == bindparam("wanted")).values(new)
