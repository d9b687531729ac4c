"""Builds views of jobs from the tables, many at a time and from one snapshot."""

import json
from collections.abc import Iterable, Sequence
from typing import Final, cast

from sqlalchemy import Connection, Row, bindparam, select

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


# Statements are made once: to build one takes longer than to run it.
_ABOUT: Final = (
    select(
        jobs.c.job_id,
        payloads.c.payload,
        receipts.c.receipt_id.label("own_receipt_id"),
        receipts.c.timestamp_ms.label("receipt_ms"),
        receipts.c.is_disputed,
        attempts.c.assignment_id,
        attempts.c.assigned_ms,
        attempts.c.progress,
        miners.c.name.label("miner_name"),
    )
    .select_from(jobs)
    .outerjoin(payloads, payloads.c.job_id == jobs.c.job_id)
    .outerjoin(receipts, receipts.c.job_id == jobs.c.job_id)
    .outerjoin(
        attempts,
        (attempts.c.job_id == jobs.c.job_id)
        & (attempts.c.attempt == jobs.c.attempt)
        & attempts.c.phase.in_(_SHOWN_ATTEMPTS),
    )
    .outerjoin(miners, miners.c.address == jobs.c.miner)
)

# Only a result whose digest the receipt holds is the job's result.
_DELIVERED: Final = select(results).join(
    receipts,
    (receipts.c.job_id == results.c.job_id)
    & (receipts.c.attempt == results.c.attempt)
    & (receipts.c.digest == results.c.digest),
)

_ABOUT_ONE: Final = _ABOUT.where(jobs.c.job_id == bindparam("job_id"))
_ABOUT_SEVERAL: Final = _ABOUT.where(jobs.c.job_id.in_(bindparam("job_ids", expanding=True)))
_DELIVERED_ONE: Final = _DELIVERED.where(results.c.job_id == bindparam("job_id"))
_DELIVERED_SEVERAL: Final = _DELIVERED.where(
    results.c.job_id.in_(bindparam("job_ids", expanding=True))
)


class JobViews:
    """Reads views; safe to use from several threads."""

    def __init__(self) -> None:
        """Begin with nothing cached."""
        self._usual_times = UsualTimes()

    def of(self, connection: Connection, rows: Sequence[AnyRow]) -> tuple[JobView, ...]:
        """Return the views of rows of the table `jobs`, in their order."""
        parts = _Parts(connection, rows)
        height = followed_height(connection)
        return tuple(
            _view(row, parts, self._usual_times.of(connection, row.service, row.model), height)
            for row in rows
        )


class _Parts:
    """What other tables know of some jobs."""

    def __init__(self, connection: Connection, rows: Sequence[AnyRow]) -> None:
        job_ids = [row.job_id for row in rows]
        is_one = len(job_ids) == 1
        given = {"job_id": job_ids[0]} if is_one else {"job_ids": job_ids}
        about = connection.execute(_ABOUT_ONE if is_one else _ABOUT_SEVERAL, given).all()
        self.about = _by_job(cast("Sequence[AnyRow]", about))
        """Of each job: payload, receipt, current attempt and the miner's name, null if missing."""
        self.results: dict[Hash, AnyRow] = {}
        if any(each.own_receipt_id is not None for each in self.about.values()):
            delivered = connection.execute(_DELIVERED_ONE if is_one else _DELIVERED_SEVERAL, given)
            self.results = _by_job(delivered.all())


def _by_job(rows: Iterable[AnyRow]) -> dict[Hash, AnyRow]:
    return {row.job_id: row for row in rows}


def _view(row: AnyRow, parts: _Parts, usual_ms: int, height: int) -> JobView:
    about, result = parts.about[row.job_id], parts.results.get(row.job_id)
    has_receipt = about.own_receipt_id is not None
    is_disputed = bool(about.is_disputed)
    phase = shown_phase(
        JobPhase(row.phase),
        is_delivered=result is not None,
        is_disputed=is_disputed,
        has_ended=row.end_kind is not None,
    )
    has_attempt = row.miner is not None and about.assignment_id is not None
    started_ms = about.assigned_ms if has_attempt else None
    if result is not None:
        started_ms = result.started_ms
    return JobView(
        job_id=row.job_id,
        client=row.client,
        spec=_spec(row, about.payload),
        phase=phase,
        requested_ms=row.requested_ms,
        expires_ms=row.deadline_ms,
        estimated_completion_ms=(started_ms or row.requested_ms) + usual_ms,
        attempt=row.attempt,
        miner=_miner(row, about.miner_name),
        started_ms=started_ms,
        progress=_progress(phase, about.progress if has_attempt else None),
        completed_ms=_completed_ms(about.receipt_ms, result),
        ended_ms=about.receipt_ms if has_receipt else row.ended_ms,
        error=None if row.error_code is None else JobError(row.error_code, row.error_message),
        result=None if result is None else result_view(result),
        receipt_id=row.receipt_id,
        payment=payment_view(row, is_disputed=is_disputed),
        as_of_height=height,
    )


def payment_view(row: AnyRow, *, is_disputed: bool) -> PaymentView | None:
    """Return the money of a job, None while its escrow is not final (P4)."""
    if row.escrowed_ms is None:
        return None
    if row.end_kind is None:
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


def _spec(row: AnyRow, payload: bytes | None) -> JobSpec:
    content: dict[str, dict[str, JsonValue]] = {} if payload is None else json.loads(payload)
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


def _miner(row: AnyRow, name: str | None) -> MinerRef | None:
    if row.miner is None:
        return None
    return MinerRef(name or format_address(row.miner), row.miner)


def _progress(phase: JobPhase, told: int | None) -> int | None:
    if phase is JobPhase.COMPLETED:
        return 100
    return None if told is None else int(told)


def _completed_ms(receipt_ms: TimestampMs | None, result: AnyRow | None) -> TimestampMs | None:
    """Return when the work ended: as the receipt says, so both show the same instant (J6)."""
    if receipt_ms is None or result is None:
        return receipt_ms
    completed_ms: TimestampMs = result.completed_ms
    return completed_ms
