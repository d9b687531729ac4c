"""Reads the facts that `decide` needs, all with one statement: it runs after every change."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, Select, exists, func, select

from coordinator.database.indexes import unindexed
from coordinator.database.listed import Listed
from coordinator.database.prepared import one_of
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

_NOT_LIVE: Final = (JobPhase.ACCEPTED.value, JobPhase.FAILED.value)

_live: Final = attempts.alias("live")
_past: Final = attempts.alias("past")


def read_facts(connection: Connection, job_ids: Collection[Hash]) -> dict[Hash, JobFacts]:
    """Return the facts of those of some jobs that are live on the chain."""
    return {
        row.job_id: _facts(row)
        for row in _FACTS.all(connection, job_ids)
        if row.end_kind is None and row.phase not in _NOT_LIVE
    }


def _facts(row: _AnyRow) -> JobFacts:
    phase = JobPhase(row.phase)
    return JobFacts(
        phase=phase,
        attempt=row.attempt,
        escrowed_ms=row.escrowed_ms,
        has_payload=row.has_payload,
        is_assigning=row.open_assignment is not None,
        last_reason=_reason(row.last_reason),
        blamed_miners=row.blamed_miners,
        current=_current(row) if phase is JobPhase.RUNNING else None,
        receipt=_receipt(row) if phase is JobPhase.COMPLETED else None,
    )


def _current(row: _AnyRow) -> AttemptFacts:
    assert row.miner is not None, "a running job has a live attempt"
    return AttemptFacts(
        miner=row.miner,
        is_managed=row.is_managed,
        lease_end_ms=row.lease_end_ms,
        heartbeat_by_ms=row.heartbeat_by_ms if row.has_heartbeats else None,
        release_reason=_reason(row.release_reason),
        has_result=row.has_result,
        is_receipt_under_way=row.is_receipt_under_way,
    )


def _receipt(row: _AnyRow) -> ReceiptFacts:
    assert row.receipt_id is not None, "a completed job has a receipt"
    return ReceiptFacts(
        receipt_id=row.receipt_id,
        received_ms=row.received_ms,
        is_delivered=row.is_delivered,
        is_attested=row.is_attested,
        is_disputed=row.is_disputed,
        refusal=_reason(row.refusal_reason),
    )


def _reason(value: int | None) -> Reason | None:
    return None if value is None else Reason(value)


def _statement(wanted: Sequence[BindParameter[bytes]]) -> Select[tuple[object, ...]]:
    """Return the statement that gathers all facts of the wanted jobs."""
    of_job = jobs.outerjoin(
        _live, (_live.c.job_id == jobs.c.job_id) & (_live.c.phase == AttemptPhase.LIVE.value)
    ).outerjoin(receipts, receipts.c.job_id == jobs.c.job_id)
    job = (jobs.c.job_id, jobs.c.phase, jobs.c.attempt, jobs.c.escrowed_ms, jobs.c.open_assignment)
    attempt = (
        _live.c.miner,
        _live.c.lease_end_ms,
        _live.c.has_heartbeats,
        _live.c.heartbeat_by_ms,
        _live.c.release_reason,
    )
    receipt = (
        receipts.c.receipt_id,
        receipts.c.timestamp_ms.label("received_ms"),
        receipts.c.is_disputed,
    )
    return (
        select(*job, jobs.c.end_kind, *attempt, *receipt)
        .add_columns(*_of_the_past(), *_of_the_attempt(), *_of_the_receipt())
        .select_from(of_job)
        .where(jobs.c.job_id.in_(wanted))
    )


def _of_the_past() -> tuple[ColumnElement[Any], ...]:
    ended = (_past.c.job_id == jobs.c.job_id) & (_past.c.phase == AttemptPhase.ENDED.value)
    last = select(_past.c.end_reason).where(ended).order_by(_past.c.attempt.desc()).limit(1)
    blamed = select(func.count(_past.c.miner.distinct())).where(
        ended, ~one_of(_past.c.end_reason, (reason.value for reason in BLAMELESS))
    )
    return (
        exists().where(payloads.c.job_id == jobs.c.job_id).label("has_payload"),
        last.scalar_subquery().label("last_reason"),
        blamed.scalar_subquery().label("blamed_miners"),
    )


def _of_the_attempt() -> tuple[ColumnElement[Any], ...]:
    has_result = exists().where(
        results.c.job_id == jobs.c.job_id, results.c.attempt == _live.c.attempt
    )
    under_way = exists().where(
        outbox.c.job_id == jobs.c.job_id,
        outbox.c.attempt == _live.c.attempt,
        outbox.c.action == "post_receipt",
        unindexed(outbox.c.state) == OutboxState.PENDING.value,
    )
    return (
        exists().where(wallets.c.address == _live.c.miner).label("is_managed"),
        has_result.label("has_result"),
        under_way.label("is_receipt_under_way"),
    )


def _of_the_receipt() -> tuple[ColumnElement[Any], ...]:
    delivered = exists().where(
        results.c.job_id == receipts.c.job_id,
        results.c.attempt == receipts.c.attempt,
        results.c.digest == receipts.c.digest,
    )
    attested = exists().where(
        attestations.c.receipt_id == receipts.c.receipt_id,
        attestations.c.kind == AttestationKind.DELIVERY.value,
    )
    refusal = select(_past.c.refusal_reason).where(
        _past.c.job_id == receipts.c.job_id,
        _past.c.attempt == receipts.c.attempt,
        _past.c.phase == AttemptPhase.DONE.value,
    )
    return (
        delivered.label("is_delivered"),
        attested.label("is_attested"),
        refusal.limit(1).scalar_subquery().label("refusal_reason"),
    )


_FACTS: Final = Listed(_statement)
