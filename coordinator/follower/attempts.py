"""Attempts as the chain begins and ends them."""

from sqlalchemy import Connection, delete

from coordinator.database.tables import attempts
from coordinator.follower.sheet import AttemptRow, JobRow, Sheet
from coordinator.leases.phase import AttemptPhase
from ledger.actions import AssignJob, Reason
from ledger.types import Hash, TimestampMs

_KEY = attempts.c.assignment_id


def forget_attempts(connection: Connection, job_id: Hash) -> None:
    """Leave no attempt of a stranger's job that is new: a rebuild by an older version kept them."""
    connection.execute(delete(attempts).where(attempts.c.job_id == job_id))


def begin_attempt(
    sheet: Sheet, job: JobRow, assignment_id: Hash, action: AssignJob, now_ms: TimestampMs
) -> None:
    """Note that an assignment is final."""
    for known in job.attempts:
        if known.assignment_id == assignment_id:
            known.phase, known.assigned_ms = AttemptPhase.LIVE.value, now_ms
            sheet.set(_KEY, assignment_id, phase=known.phase, assigned_ms=now_ms)
            return
    # Signed by this coordinator's key, but not in this database: restored from a copy, perhaps.
    job.attempts.append(AttemptRow(assignment_id, AttemptPhase.LIVE.value, now_ms))
    sheet.add(
        attempts,
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
        phase=AttemptPhase.LIVE.value,
        assigned_ms=now_ms,
    )


def end_attempts(sheet: Sheet, job: JobRow, reason: Reason | None, now_ms: TimestampMs) -> None:
    """End the live attempt of a job, if there is one; without a reason its receipt is in."""
    phase = AttemptPhase.DONE if reason is None else AttemptPhase.ENDED
    end_reason = None if reason is None else reason.value
    for live in job.in_phase(AttemptPhase.LIVE):
        live.phase = phase.value
        sheet.set(
            _KEY, live.assignment_id, phase=phase.value, ended_ms=now_ms, end_reason=end_reason
        )


def void_attempts(sheet: Sheet, job: JobRow) -> None:
    """Note that the open assignment of a job never came to be."""
    for opened in job.in_phase(AttemptPhase.OPEN):
        opened.phase = AttemptPhase.VOID.value
        sheet.set(_KEY, opened.assignment_id, phase=opened.phase)
