"""The table of attempts as the coordinator writes it: inside the caller's transaction."""

from typing import Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from coordinator.database.prepared import Prepared, one_of
from coordinator.database.tables import attempts, jobs
from coordinator.leases.phase import AttemptPhase
from coordinator.miners.capabilities import Capabilities
from ledger.actions import AssignJob, Custody, Reason
from ledger.types import Address, Attempt, Hash, TimestampMs

AnyRow = Row[tuple[object, ...]]

MESSAGE_LENGTH_MAX = 500
"""Longest message of a miner that is kept, in characters."""

_SHOWN: Final = (AttemptPhase.LIVE.value, AttemptPhase.DONE.value, AttemptPhase.ENDED.value)

_COLUMNS: Final = (
    "assignment_id",
    "job_id",
    "attempt",
    "miner",
    "has_heartbeats",
    "price_cap",
    "unit_type",
    "unit_price",
    "lease_end_ms",
    "claimed_ms",
    "heartbeat_by_ms",
    "phase",
)

_INSERT: Final = Prepared(insert(attempts).inline(), columns=_COLUMNS)

_HOLD_JOB: Final = Prepared(
    update(jobs)
    .where(jobs.c.job_id == bindparam("of_job"))
    .values(open_assignment=bindparam("assignment_id"))
)

_ONE: Final = Prepared(
    select(attempts).where(attempts.c.assignment_id == bindparam("assignment_id"))
)

_LIVE: Final = Prepared(
    select(attempts).where(
        attempts.c.job_id == bindparam("job_id"), attempts.c.phase == AttemptPhase.LIVE.value
    )
)

OF_MINER: Final = (
    select(attempts)
    .where(
        attempts.c.job_id == bindparam("job_id"),
        attempts.c.miner == bindparam("miner"),
        one_of(attempts.c.phase, _SHOWN),
    )
    .order_by(attempts.c.attempt.desc())
)
"""A miner's attempts at a job that came to be, the last one first."""

_OF_MINER: Final = Prepared(OF_MINER)


class CallingMiner:
    """The miner in whose name a call is made; its owner was checked."""

    __slots__ = ("address", "custody", "declared", "is_draining", "name")

    def __init__(self, row: AnyRow, declared: Capabilities) -> None:
        """Take what a call needs of a row of the table `miners`."""
        self.name: str = row.name
        self.address: Address = row.address
        self.custody = Custody(row.custody)
        self.is_draining: bool = row.is_draining
        self.declared = declared


def insert_attempt(
    connection: Connection,
    assignment_id: Hash,
    action: AssignJob,
    *,
    heartbeat_by_ms: TimestampMs | None,
    now_ms: TimestampMs,
) -> None:
    """Store an attempt whose assignment is signed, and keep its job from being offered."""
    _INSERT.run(
        connection,
        assignment_id=assignment_id,
        job_id=action.job_id,
        attempt=action.attempt,
        miner=action.miner,
        has_heartbeats=heartbeat_by_ms is not None,
        price_cap=action.price_cap,
        unit_type=action.unit_type.value,
        unit_price=action.unit_price,
        lease_end_ms=action.lease_end_ms,
        claimed_ms=now_ms,
        heartbeat_by_ms=heartbeat_by_ms,
        phase=AttemptPhase.OPEN.value,
    )
    _HOLD_JOB.run(connection, of_job=action.job_id, assignment_id=assignment_id)


def delete_attempt(connection: Connection, assignment_id: Hash) -> None:
    """Forget an attempt whose assignment the node refused at once."""
    connection.execute(delete(attempts).where(attempts.c.assignment_id == assignment_id))
    row = jobs.c.open_assignment == assignment_id
    connection.execute(update(jobs).where(row).values(open_assignment=None))


def get_attempt(connection: Connection, assignment_id: Hash) -> AnyRow:
    """Return an attempt by its assignment."""
    return _ONE.one(connection, assignment_id=assignment_id)


def live_attempt(connection: Connection, job_id: Hash) -> AnyRow | None:
    """Return the live attempt of a job."""
    return _LIVE.one_or_none(connection, job_id=job_id)


def attempt_of(
    connection: Connection, job_id: Hash, miner: Address, attempt: Attempt | None
) -> AnyRow | None:
    """Return a miner's attempt at a job: the one of that number, or its last one."""
    found = _OF_MINER.all(connection, job_id=job_id, miner=miner)
    return next((row for row in found if attempt in (None, row.attempt)), None)


def note_heartbeat(
    connection: Connection,
    assignment_id: Hash,
    heartbeat_by_ms: TimestampMs,
    progress: int | None,
) -> None:
    """Keep an attempt alive."""
    values: dict[str, object] = {"heartbeat_by_ms": heartbeat_by_ms}
    if progress is not None:
        values["progress"] = progress
    row = attempts.c.assignment_id == assignment_id
    connection.execute(update(attempts).where(row).values(**values))


def expect_heartbeats(connection: Connection, assignment_id: Hash) -> None:
    """Note that the miner of a standing attempt sends heartbeats; an accepted offer cannot say."""
    row = attempts.c.assignment_id == assignment_id
    connection.execute(update(attempts).where(row).values(has_heartbeats=True))


def note_release(connection: Connection, assignment_id: Hash, reason: Reason, message: str) -> None:
    """Note that a miner gives an attempt up."""
    row = attempts.c.assignment_id == assignment_id
    text = "".join(c for c in message[:MESSAGE_LENGTH_MAX] if c.isprintable())
    connection.execute(
        update(attempts).where(row).values(release_reason=reason.value, release_message=text)
    )


def note_refusal(connection: Connection, assignment_id: Hash, reason: Reason) -> None:
    """Note that a delivery was refused, for the dispute that may follow (J3)."""
    row = attempts.c.assignment_id == assignment_id
    connection.execute(update(attempts).where(row).values(refusal_reason=reason.value))
