"""The tables of jobs and payloads: every function works inside the caller's transaction."""

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final

import msgspec
from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)

from coordinator.artifacts.uses import keep_inputs, note_uses
from coordinator.database.account_tables import artifact_uses
from coordinator.database.prepared import Prepared
from coordinator.database.tables import jobs, payloads, receipts, results
from coordinator.jobs.model import JobPhase, JobSpec
from coordinator.jobs.spends import charge_ended
from ledger.actions import SubmitJob
from ledger.types import Address, Amount, Hash, TimestampMs

LIVE: Final = jobs.c.end_kind.is_(None) & (jobs.c.phase != JobPhase.FAILED.value)
"""Jobs whose escrow is, or may come to be, on the chain."""

_ADD: Final = Prepared(
    insert(jobs).inline(),
    (
        "job_id",
        "client_id",
        "key_id",
        "client",
        "api_version",
        "service",
        "model",
        "shown_type",
        "spec",
        "payload_digest",
        "max_price",
        "fee",
        "requested_ms",
        "deadline_ms",
        "is_held",
        "phase",
    ),
)
_ADD_PAYLOAD: Final = Prepared(
    insert(payloads).inline(), ("job_id", "payload", "blind", "expires_ms")
)
_COUNT_LIVE: Final = Prepared(
    select(func.count().label("number")).where(
        jobs.c.client_id == bindparam("client_id"),
        jobs.c.end_kind.is_(None),
        jobs.c.phase != literal_column(f"'{JobPhase.FAILED.value}'"),
    )
)
_JOB: Final = Prepared(select(jobs).where(jobs.c.job_id == bindparam("job_id")))

_NOT_IN_SPEC: Final = ("service", "api_version", "model", "input", "params", "max_price")
"""Kept in columns of their own, or in the payload."""

_IN_SPEC: Final = tuple(each.name for each in fields(JobSpec) if each.name not in _NOT_IN_SPEC)

_kept_of: Final = attrgetter(*_IN_SPEC)

_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is about to be submitted."""

    job_id: Hash
    """Id of its signed submit transaction."""
    client_id: str
    """Whose it is."""
    key_id: str | None
    """Key that ordered it; None for the demo identity."""
    client: Address
    """Wallet that pays."""
    spec: JobSpec
    """What is asked for."""
    terms: SubmitJob
    """What the submit transaction says."""
    fee: Amount
    """Fee of the submit transaction."""
    payload: bytes
    """Canonical payload."""
    blind: bytes
    """Blind of the payload digest."""
    requested_ms: TimestampMs
    """When it was accepted, a whole second."""
    payload_expires_ms: TimestampMs
    """When its payload is deleted."""


def insert_job(connection: Connection, job: NewJob) -> None:
    """Store a job and its payload, ACCEPTED: its escrow is not final yet."""
    _ADD.run(
        connection,
        job_id=job.job_id,
        client_id=job.client_id,
        key_id=job.key_id,
        client=job.client,
        api_version=job.spec.api_version,
        service=job.spec.service,
        model=job.spec.model,
        shown_type=job.spec.shown_type or job.spec.service,
        spec=_ENCODER.encode(dict(zip(_IN_SPEC, _kept_of(job.spec), strict=True))).decode(),
        payload_digest=job.terms.payload_digest,
        max_price=job.terms.max_price,
        fee=job.fee,
        requested_ms=job.requested_ms,
        deadline_ms=job.terms.deadline_ms,
        is_held=job.spec.hold or bool(job.spec.offer_id),
        phase=JobPhase.ACCEPTED.value,
    )
    _ADD_PAYLOAD.run(
        connection,
        job_id=job.job_id,
        payload=job.payload,
        blind=job.blind,
        expires_ms=job.payload_expires_ms,
    )
    inputs = note_uses(connection, job.job_id, job.payload)
    if inputs:
        keep_inputs(connection, job.client_id, inputs, job.terms.deadline_ms)


def insert_foreign_job(
    connection: Connection,
    *,
    job_id: Hash,
    client: Address,
    terms: SubmitJob,
    fee: Amount,
    block_ms: TimestampMs,
) -> None:
    """Store a job that names this coordinator, but did not come through its API (J31)."""
    connection.execute(
        insert(jobs).values(
            job_id=job_id,
            client_id=None,
            client=client,
            api_version="2026-05-11",
            service=terms.service,
            model="",
            shown_type=terms.service,
            spec="{}",
            payload_digest=terms.payload_digest,
            max_price=terms.max_price,
            fee=fee,
            requested_ms=block_ms // 1000 * 1000,
            deadline_ms=terms.deadline_ms,
            phase=JobPhase.ACCEPTED.value,
        )
    )


def delete_job(connection: Connection, job_id: Hash) -> None:
    """Leave nothing behind of a job whose escrow the node refused at once (P3)."""
    connection.execute(delete(jobs).where(jobs.c.job_id == job_id))
    connection.execute(delete(payloads).where(payloads.c.job_id == job_id))
    connection.execute(delete(artifact_uses).where(artifact_uses.c.job_id == job_id))


def charge_fee(connection: Connection, job_id: Hash, fee: Amount) -> None:
    """Add the fee of a further transaction to what a job costs; less than 0 gives it back."""
    row = jobs.c.job_id == job_id
    connection.execute(update(jobs).where(row).values(fee=jobs.c.fee + fee))
    charge_ended(connection, job_id, fee)


def find_job(connection: Connection, job_id: Hash) -> Row[tuple[object, ...]] | None:
    """Return a job's row."""
    return _JOB.one_or_none(connection, job_id=job_id)


def count_live(connection: Connection, client_id: str) -> int:
    """Return how many jobs of a client did not end."""
    count: int = _COUNT_LIVE.one(connection, client_id=client_id).number
    return count


def reserved(connection: Connection, client_id: str) -> Amount:
    """Return the nait that a client has in escrow."""
    query = select(func.coalesce(func.sum(jobs.c.max_price), 0)).where(
        jobs.c.client_id == client_id, LIVE, jobs.c.escrowed_ms.is_not(None)
    )
    return int(connection.execute(query).scalar_one())


def fail_unescrowed(connection: Connection, job_id: Hash, code: str, message: str) -> None:
    """End a job whose escrow never came to be (J30)."""
    row = (jobs.c.job_id == job_id) & (jobs.c.phase == JobPhase.ACCEPTED.value)
    connection.execute(
        update(jobs)
        .where(row)
        .values(phase=JobPhase.FAILED.value, error_code=code, error_message=message)
    )


def is_delivered(connection: Connection, job_id: Hash) -> bool:
    """Return whether a result with the digest of the job's receipt was accepted, kept or not."""
    delivered = exists().where(
        receipts.c.job_id == job_id,
        results.c.job_id == receipts.c.job_id,
        results.c.attempt == receipts.c.attempt,
        results.c.digest == receipts.c.digest,
    )
    return bool(connection.execute(select(delivered)).scalar_one())
