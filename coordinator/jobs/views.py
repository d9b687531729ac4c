"""Builds views of jobs from the tables, many at a time and from one snapshot."""

import json
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, Row, select

from coordinator.database.tables import attempts, jobs, miners, payloads, receipts, results
from coordinator.follower import followed_height
from coordinator.jobs.model import (
    JobError,
    JobPhase,
    JobSpec,
    JobView,
    MinerRef,
    PaymentStatus,
    PaymentView,
)
from coordinator.jobs.results import result_view
from coordinator.jobs.shown import shown_phase
from coordinator.jobs.usual_times import UsualTimes
from coordinator.leases.phase import AttemptPhase
from coordinator.values import JsonValue
from ledger.keys import format_address
from ledger.outcomes import OutcomeKind
from ledger.types import Hash, TimestampMs

AnyRow = Row[tuple[object, ...]]

_SHOWN_ATTEMPTS: Final = (
    AttemptPhase.LIVE.value,
    AttemptPhase.DONE.value,
    AttemptPhase.ENDED.value,
)


class JobViews:
    """Reads views; safe to use from several threads."""

    def __init__(self) -> None:
        """Begin with nothing cached."""
        self._usual_times = UsualTimes()

    def of(self, connection: Connection, rows: Sequence[AnyRow]) -> tuple[JobView, ...]:
        """Return the views of rows of the table `jobs`, in their order."""
        parts = _Parts(connection, [row.job_id for row in rows])
        height = followed_height(connection)
        return tuple(
            _view(row, parts, self._usual_times.of(connection, row.service, row.model), height)
            for row in rows
        )


class _Parts:
    """What other tables know of some jobs."""

    def __init__(self, connection: Connection, job_ids: list[Hash]) -> None:
        self.payloads = _by_job(
            connection.execute(select(payloads).where(payloads.c.job_id.in_(job_ids)))
        )
        self.receipts = _by_job(
            connection.execute(select(receipts).where(receipts.c.job_id.in_(job_ids)))
        )
        current = (
            select(attempts)
            .join(
                jobs, (jobs.c.job_id == attempts.c.job_id) & (jobs.c.attempt == attempts.c.attempt)
            )
            .where(attempts.c.job_id.in_(job_ids), attempts.c.phase.in_(_SHOWN_ATTEMPTS))
        )
        self.attempts = _by_job(connection.execute(current))
        # Only a result whose digest the receipt holds is the job's result.
        delivered = (
            select(results)
            .join(
                receipts,
                (receipts.c.job_id == results.c.job_id)
                & (receipts.c.attempt == results.c.attempt)
                & (receipts.c.digest == results.c.digest),
            )
            .where(results.c.job_id.in_(job_ids))
        )
        self.results = _by_job(connection.execute(delivered))
        addresses = {row.miner for row in self.attempts.values()}
        named = select(miners.c.address, miners.c.name).where(miners.c.address.in_(addresses))
        self.names = {row.address: row.name for row in connection.execute(named)}


def _by_job(rows: Iterable[AnyRow]) -> dict[Hash, AnyRow]:
    return {row.job_id: row for row in rows}


def _view(row: AnyRow, parts: _Parts, usual_ms: int, height: int) -> JobView:
    receipt, result = parts.receipts.get(row.job_id), parts.results.get(row.job_id)
    phase = shown_phase(
        JobPhase(row.phase),
        is_delivered=result is not None,
        is_disputed=receipt is not None and receipt.is_disputed,
        has_ended=row.end_kind is not None,
    )
    attempt = parts.attempts.get(row.job_id) if row.miner is not None else None
    started_ms = None if attempt is None else attempt.assigned_ms
    if result is not None:
        started_ms = result.started_ms
    return JobView(
        job_id=row.job_id,
        client=row.client,
        spec=_spec(row, parts.payloads.get(row.job_id)),
        phase=phase,
        requested_ms=row.requested_ms,
        expires_ms=row.deadline_ms,
        estimated_completion_ms=(started_ms or row.requested_ms) + usual_ms,
        attempt=row.attempt,
        miner=_miner(row, parts),
        started_ms=started_ms,
        progress=_progress(phase, attempt),
        completed_ms=_completed_ms(receipt, result),
        ended_ms=row.ended_ms if receipt is None else receipt.timestamp_ms,
        error=None if row.error_code is None else JobError(row.error_code, row.error_message),
        result=None if result is None else result_view(result),
        receipt_id=row.receipt_id,
        payment=payment_view(row, receipt),
        as_of_height=height,
    )


def payment_view(row: AnyRow, receipt: AnyRow | None) -> PaymentView | None:
    """Return the money of a job, None while its escrow is not final (P4)."""
    if row.escrowed_ms is None:
        return None
    if row.end_kind is None:
        is_disputed = receipt is not None and receipt.is_disputed
        status = PaymentStatus.DISPUTED if is_disputed else PaymentStatus.ESCROWED
    elif row.end_kind == OutcomeKind.JOB_SETTLED:
        status = PaymentStatus.RELEASED
    else:
        status = PaymentStatus.REFUNDED
    return PaymentView(
        job_id=row.job_id,
        status=status,
        amount=row.max_price,
        paid=row.paid_miner + row.paid_coordinator,
        refunded=row.refunded,
        fee=row.fee,
        created_ms=row.escrowed_ms,
    )


def _spec(row: AnyRow, payload: AnyRow | None) -> JobSpec:
    content: dict[str, dict[str, JsonValue]] = (
        {} if payload is None else json.loads(payload.payload)
    )
    kept = json.loads(row.spec)
    for name in ("requirements", "warnings"):
        kept[name] = tuple(kept.get(name, ()))
    kept["shown_type"] = row.shown_type
    return JobSpec(
        service=row.service,
        api_version=row.api_version,
        model=row.model,
        input=content.get("input", {}),
        params=content.get("params", {}),
        max_price=row.max_price,
        **kept,
    )


def _miner(row: AnyRow, parts: _Parts) -> MinerRef | None:
    if row.miner is None:
        return None
    return MinerRef(parts.names.get(row.miner) or format_address(row.miner), row.miner)


def _progress(phase: JobPhase, attempt: AnyRow | None) -> int | None:
    if phase is JobPhase.COMPLETED:
        return 100
    return None if attempt is None else int(attempt.progress)


def _completed_ms(receipt: AnyRow | None, result: AnyRow | None) -> TimestampMs | None:
    """Return when the work ended: as the receipt says, so both show the same instant (J6)."""
    if receipt is None:
        return None
    completed_ms: TimestampMs = receipt.timestamp_ms if result is None else result.completed_ms
    return completed_ms
