"""Builds views of jobs from the tables, many at a time and from one snapshot."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, literal_column, or_, select

from coordinator.database.listed import Listed
from coordinator.database.prepared import Prepared
from coordinator.database.tables import attempts, chain, jobs, miners, payloads, receipts, results
from coordinator.jobs.model import (
    JobError,
    JobPhase,
    JobSpec,
    JobView,
    MinerRef,
    PaymentStatus,
    PaymentView,
    ResultView,
)
from coordinator.jobs.results import result_view
from coordinator.jobs.shown import shown_phase
from coordinator.jobs.usual_times import UsualTimes
from coordinator.leases.phase import AttemptPhase
from coordinator.values import JsonValue
from ledger.keys import format_address
from ledger.outcomes import OutcomeKind
from ledger.types import Hash

AnyRow = Row[tuple[object, ...]]

_SHOWN_ATTEMPTS: Final = (
    AttemptPhase.LIVE.value,
    AttemptPhase.DONE.value,
    AttemptPhase.ENDED.value,
)


# All that a view shows, in one statement: a read of several takes several times as long.
# Only a result whose digest the receipt holds is the job's result.
SHOWN: Final = (
    select(
        jobs,
        payloads.c.payload,
        receipts.c.receipt_id.label("own_receipt_id"),
        receipts.c.timestamp_ms.label("receipt_ms"),
        receipts.c.is_disputed,
        attempts.c.assignment_id,
        attempts.c.assigned_ms,
        attempts.c.progress,
        miners.c.name.label("miner_name"),
        results.c.digest.label("result_digest"),
        results.c.document.label("result_document"),
        results.c.salt.label("result_salt"),
        results.c.attempt.label("result_attempt"),
        results.c.started_ms.label("result_started_ms"),
        results.c.completed_ms.label("result_completed_ms"),
        results.c.expires_ms.label("result_expires_ms"),
        select(chain.c.height).scalar_subquery().label("as_of_height"),
    )
    .select_from(jobs)
    .outerjoin(payloads, payloads.c.job_id == jobs.c.job_id)
    .outerjoin(receipts, receipts.c.job_id == jobs.c.job_id)
    .outerjoin(
        attempts,
        (attempts.c.job_id == jobs.c.job_id)
        & (attempts.c.attempt == jobs.c.attempt)
        & or_(*(attempts.c.phase == literal_column(f"'{phase}'") for phase in _SHOWN_ATTEMPTS)),
    )
    .outerjoin(miners, miners.c.address == jobs.c.miner)
    .outerjoin(
        results,
        (results.c.job_id == receipts.c.job_id)
        & (results.c.attempt == receipts.c.attempt)
        & (results.c.digest == receipts.c.digest),
    )
)

_SHOWN_ONE: Final = Prepared(SHOWN.where(jobs.c.job_id == bindparam("job_id")))
_SHOWN_SEVERAL: Final = Listed(lambda job_ids: SHOWN.where(jobs.c.job_id.in_(job_ids)))


class JobViews:
    """Reads views; safe to use from several threads."""

    def __init__(self) -> None:
        """Begin with nothing cached."""
        self._usual_times = UsualTimes()

    def find(self, connection: Connection, job_id: Hash) -> AnyRow | None:
        """Return what `show` makes a view of: the job's row, and what other tables know of it."""
        return _SHOWN_ONE.one_or_none(connection, job_id=job_id)

    def show(self, connection: Connection, found: AnyRow) -> JobView:
        """Return the view of what was found."""
        return _view(found, self._usual_times.of(connection, found.service, found.model))

    def known_usual_ms(self, service: str, model: str) -> int | None:
        """Return what `usual_ms` returns, None where it has to ask the database."""
        return self._usual_times.known(service, model)

    def usual_ms(self, connection: Connection, service: str, model: str) -> int:
        """Return how long such jobs usually take, in milliseconds."""
        return self._usual_times.of(connection, service, model)

    def one(self, connection: Connection, job_id: Hash) -> JobView | None:
        """Return the view of a job, None if it is unknown."""
        found = self.find(connection, job_id)
        return None if found is None else self.show(connection, found)

    def of(self, connection: Connection, job_ids: Sequence[Hash]) -> tuple[JobView, ...]:
        """Return the views of several jobs, in their order."""
        by_id = {row.job_id: row for row in _SHOWN_SEVERAL.all(connection, job_ids)}
        return tuple(self.show(connection, by_id[job_id]) for job_id in job_ids)


def _view(row: AnyRow, usual_ms: int) -> JobView:
    is_delivered = row.result_digest is not None
    is_disputed = bool(row.is_disputed)
    phase = shown_phase(
        JobPhase(row.phase),
        is_delivered=is_delivered,
        is_disputed=is_disputed,
        has_ended=row.end_kind is not None,
    )
    has_attempt = row.miner is not None and row.assignment_id is not None
    started_ms = row.assigned_ms if has_attempt else None
    if is_delivered:
        started_ms = row.result_started_ms
    spec = _spec(row)
    return JobView(
        job_id=row.job_id,
        client=row.client,
        spec=spec,
        phase=phase,
        requested_ms=row.requested_ms,
        expires_ms=row.deadline_ms,
        estimated_completion_ms=(started_ms or row.requested_ms) + usual_ms,
        attempt=row.attempt,
        miner=_miner(row, row.miner_name),
        started_ms=started_ms,
        progress=_progress(phase, row.progress if has_attempt else None),
        # When the work ended: as the receipt says, so both show the same instant (J6).
        completed_ms=row.result_completed_ms if is_delivered else row.receipt_ms,
        ended_ms=row.ended_ms if row.own_receipt_id is None else row.receipt_ms,
        error=None if row.error_code is None else JobError(row.error_code, row.error_message),
        result=_result(row),
        receipt_id=row.receipt_id,
        payment=payment_view(row, is_disputed=is_disputed, window_s=spec.dispute_window_s),
        as_of_height=row.as_of_height,
    )


def _result(row: AnyRow) -> ResultView | None:
    """Return the result, None without one or past its retention."""
    if row.result_document is None:
        return None
    return result_view(
        row.result_document,
        salt=row.result_salt,
        digest=row.result_digest,
        attempt=row.result_attempt,
        expires_ms=row.result_expires_ms,
    )


def payment_view(row: AnyRow, *, is_disputed: bool, window_s: int) -> PaymentView | None:
    """Return the money of a job, None while its escrow is not final (P4)."""
    if row.escrowed_ms is None:
        return None
    is_open = row.end_kind is None and row.receipt_ms is not None and not is_disputed
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
        dispute_until_ms=row.receipt_ms + window_s * 1_000 if is_open and window_s else None,
    )


def _spec(row: AnyRow) -> JobSpec:
    content: dict[str, dict[str, JsonValue]] = {}
    if row.payload is not None:
        content = msgspec.json.decode(row.payload)
    kept = msgspec.json.decode(row.spec)
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
