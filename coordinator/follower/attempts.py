"""Attempts as the chain begins and ends them."""

from sqlalchemy import Connection, insert, update

from coordinator.database.tables import attempts
from coordinator.leases.phase import AttemptPhase
from ledger.actions import AssignJob, Reason
from ledger.types import Hash, TimestampMs


def begin_attempt(
    connection: Connection, assignment_id: Hash, action: AssignJob, now_ms: TimestampMs
) -> None:
    """Note that an assignment is final."""
    begun = update(attempts).where(attempts.c.assignment_id == assignment_id)
    values = {"phase": AttemptPhase.LIVE.value, "assigned_ms": now_ms}
    if connection.execute(begun.values(**values)).rowcount:
        return
    # Signed by this coordinator's key, but not in this database: restored from a copy, perhaps.
    connection.execute(
        insert(attempts).values(
            assignment_id=assignment_id,
            job_id=action.job_id,
            attempt=action.attempt,
            miner=action.miner,
            has_heartbeats=False,
            price_cap=action.price_cap,
            unit_type=action.unit_type.value,
            unit_price=action.unit_price,
            lease_end_ms=action.lease_end_ms,
            claimed_ms=now_ms,
            **values,
        )
    )


def end_attempts(
    connection: Connection, job_id: Hash, reason: Reason | None, now_ms: TimestampMs
) -> None:
    """End the live attempt of a job, if there is one; without a reason its receipt is in."""
    phase = AttemptPhase.DONE if reason is None else AttemptPhase.ENDED
    live = (attempts.c.job_id == job_id) & (attempts.c.phase == AttemptPhase.LIVE.value)
    connection.execute(
        update(attempts)
        .where(live)
        .values(
            phase=phase.value,
            ended_ms=now_ms,
            end_reason=None if reason is None else reason.value,
        )
    )


def void_attempts(connection: Connection, job_id: Hash) -> None:
    """Note that the open assignment of a job never came to be."""
    opened = (attempts.c.job_id == job_id) & (attempts.c.phase == AttemptPhase.OPEN.value)
    connection.execute(update(attempts).where(opened).values(phase=AttemptPhase.VOID.value))
