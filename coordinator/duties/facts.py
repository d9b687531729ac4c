"""Reads the facts that `decide` needs from the tables."""

from sqlalchemy import Connection, Row, exists, func, select

from coordinator.database.tables import (
    attempts,
    attestations,
    jobs,
    outbox,
    payloads,
    receipts,
    results,
    wallets,
)
from coordinator.duties.decide import BLAMELESS, AttemptFacts, JobFacts, ReceiptFacts
from coordinator.jobs.model import JobPhase
from coordinator.leases.phase import AttemptPhase
from coordinator.outbox import OutboxState
from ledger.actions import AttestationKind, Reason
from ledger.types import Hash

_AnyRow = Row[tuple[object, ...]]

_NOT_LIVE = (JobPhase.ACCEPTED.value, JobPhase.FAILED.value)


def read_facts(connection: Connection, job_id: Hash) -> JobFacts | None:
    """Return the facts of a job, None if it is not live on the chain."""
    query = select(jobs).where(jobs.c.job_id == job_id)
    job = connection.execute(query).one_or_none()
    if job is None or job.end_kind is not None or job.phase in _NOT_LIVE:
        return None
    phase = JobPhase(job.phase)
    has_payload = select(exists().where(payloads.c.job_id == job_id))
    return JobFacts(
        phase=phase,
        attempt=job.attempt,
        escrowed_ms=job.escrowed_ms,
        has_payload=connection.execute(has_payload).scalar_one(),
        is_assigning=job.open_assignment is not None,
        last_reason=_last_reason(connection, job_id),
        blamed_miners=_blamed_miners(connection, job_id),
        current=_current(connection, job_id) if phase is JobPhase.RUNNING else None,
        receipt=_receipt(connection, job_id) if phase is JobPhase.COMPLETED else None,
    )


def _last_reason(connection: Connection, job_id: Hash) -> Reason | None:
    query = (
        select(attempts.c.end_reason)
        .where(attempts.c.job_id == job_id, attempts.c.phase == AttemptPhase.ENDED.value)
        .order_by(attempts.c.attempt.desc())
        .limit(1)
    )
    reason = connection.execute(query).scalar_one_or_none()
    return None if reason is None else Reason(reason)


def _blamed_miners(connection: Connection, job_id: Hash) -> int:
    query = select(func.count(attempts.c.miner.distinct())).where(
        attempts.c.job_id == job_id,
        attempts.c.phase == AttemptPhase.ENDED.value,
        attempts.c.end_reason.not_in([reason.value for reason in BLAMELESS]),
    )
    return connection.execute(query).scalar_one()


def _current(connection: Connection, job_id: Hash) -> AttemptFacts:
    live = (attempts.c.job_id == job_id) & (attempts.c.phase == AttemptPhase.LIVE.value)
    row = connection.execute(select(attempts).where(live)).one()
    is_managed = select(exists().where(wallets.c.address == row.miner))
    has_result = select(
        exists().where(results.c.job_id == job_id, results.c.attempt == row.attempt)
    )
    under_way = select(
        exists().where(
            outbox.c.job_id == job_id,
            outbox.c.attempt == row.attempt,
            outbox.c.action == "post_receipt",
            outbox.c.state == OutboxState.PENDING.value,
        )
    )
    return AttemptFacts(
        miner=row.miner,
        is_managed=connection.execute(is_managed).scalar_one(),
        lease_end_ms=row.lease_end_ms,
        heartbeat_by_ms=row.heartbeat_by_ms if row.has_heartbeats else None,
        release_reason=None if row.release_reason is None else Reason(row.release_reason),
        has_result=connection.execute(has_result).scalar_one(),
        is_receipt_under_way=connection.execute(under_way).scalar_one(),
    )


def _receipt(connection: Connection, job_id: Hash) -> ReceiptFacts:
    row = connection.execute(select(receipts).where(receipts.c.job_id == job_id)).one()
    attested = select(
        exists().where(
            attestations.c.receipt_id == row.receipt_id,
            attestations.c.kind == AttestationKind.DELIVERY.value,
        )
    )
    return ReceiptFacts(
        receipt_id=row.receipt_id,
        received_ms=row.timestamp_ms,
        is_delivered=_is_delivered(connection, row),
        is_attested=connection.execute(attested).scalar_one(),
        is_disputed=row.is_disputed,
        refusal=_refusal(connection, row),
    )


def _is_delivered(connection: Connection, receipt: _AnyRow) -> bool:
    accepted = exists().where(
        results.c.job_id == receipt.job_id,
        results.c.attempt == receipt.attempt,
        results.c.digest == receipt.digest,
    )
    return bool(connection.execute(select(accepted)).scalar_one())


def _refusal(connection: Connection, receipt: _AnyRow) -> Reason | None:
    query = (
        select(attempts.c.refusal_reason)
        .where(attempts.c.job_id == receipt.job_id, attempts.c.attempt == receipt.attempt)
        .where(attempts.c.phase == AttemptPhase.DONE.value)
    )
    reason = connection.execute(query).scalar_one_or_none()
    return None if reason is None else Reason(reason)
