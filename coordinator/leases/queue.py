"""The queue: which job a miner is shown next, and why it is shown none.

Round robin among clients: each client's oldest jobs come first, and of the clients the one that was
served longest ago. A client with ten thousand jobs delays the next client's first job by one.
"""

from collections import Counter
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update

from coordinator.database.tables import attempts, clients, jobs, outbox, payloads
from coordinator.jobs.model import JobPhase
from coordinator.leases.matching import Exclusion, Needs, exclusion_of
from coordinator.leases.phase import AttemptPhase
from coordinator.miners.capabilities import Capabilities
from coordinator.outbox import OutboxState
from coordinator.registry import ServiceRegistry
from ledger.types import Address, Hash, TimestampMs

LOOKED_AT_MAX: Final = 200
"""Jobs whose constraints are compared for one miner."""

REASONED_MAX: Final = 500
"""Queued jobs that are counted by reason when a miner gets none."""

_ENDINGS: Final = ("fail_job", "cancel_job")


def offered(now_ms: TimestampMs) -> ColumnElement[bool]:
    """Return the condition of jobs that a miner may be given now."""
    has_payload = exists().where(payloads.c.job_id == jobs.c.job_id)
    is_ending = exists().where(
        outbox.c.job_id == jobs.c.job_id,
        outbox.c.state == OutboxState.PENDING.value,
        outbox.c.action.in_(_ENDINGS),
    )
    return and_(
        jobs.c.phase == JobPhase.QUEUED.value,
        jobs.c.open_assignment.is_(None),
        ~jobs.c.is_held,
        jobs.c.deadline_ms > now_ms,
        has_payload,
        ~is_ending,
    )


def next_job(
    connection: Connection,
    miner: Address,
    declared: Capabilities,
    registry: ServiceRegistry,
    *,
    now_ms: TimestampMs,
    pause_ms: int,
    suggested: frozenset[Hash],
) -> Hash | None:
    """Return the job that a miner is shown next, None if nothing fits.

    Args:
        connection: reads.
        miner: its address.
        declared: what it takes.
        registry: knows the services.
        now_ms: the coordinator's clock.
        pause_ms: how long a job that it gave up is kept from it.
        suggested: jobs that were shown to other miners a moment ago.
    """
    place = func.row_number().over(partition_by=jobs.c.client_id, order_by=jobs.c.seq)
    queued = (
        select(jobs.c.seq, jobs.c.client_id, place.label("place"))
        .where(offered(now_ms), _may_fit(declared, registry))
        .subquery()
    )
    fair = (
        select(jobs)
        .join(queued, queued.c.seq == jobs.c.seq)
        .join(clients, clients.c.client_id == queued.c.client_id)
        .order_by(queued.c.place, clients.c.served_turn, queued.c.seq)
        .limit(LOOKED_AT_MAX)
    )
    failed = _just_failed(connection, miner, now_ms - pause_ms)
    for row in connection.execute(fair):
        if row.job_id in suggested or row.job_id in failed:
            continue
        has_model = registry.get(row.service).has_model
        if exclusion_of(Needs.of(row), declared, has_model=has_model) is None:
            job_id: Hash = row.job_id
            return job_id
    return None


def reasons(
    connection: Connection,
    miner: Address,
    declared: Capabilities,
    registry: ServiceRegistry,
    *,
    now_ms: TimestampMs,
    pause_ms: int,
    suggested: frozenset[Hash],
    block: Exclusion | None,
) -> dict[str, int]:
    """Return why queued jobs are not offered to a miner: jobs by code.

    Args:
        connection: reads.
        miner: its address.
        declared: what it takes.
        registry: knows the services.
        now_ms: the coordinator's clock.
        pause_ms: how long a job that it gave up is kept from it.
        suggested: jobs that were shown to other miners a moment ago.
        block: why the miner is offered none at all, those that fit it included.
    """
    failed = _just_failed(connection, miner, now_ms - pause_ms)
    query = select(jobs).where(offered(now_ms)).order_by(jobs.c.seq).limit(REASONED_MAX)
    counts: Counter[str] = Counter()
    for row in connection.execute(query):
        has_model = registry.get(row.service).has_model
        exclusion = exclusion_of(Needs.of(row), declared, has_model=has_model)
        if exclusion is None and row.job_id in failed:
            exclusion = Exclusion.JUST_FAILED_HERE
        exclusion = exclusion or block
        if exclusion is None and row.job_id in suggested:
            exclusion = Exclusion.SHOWN_TO_ANOTHER
        if exclusion is not None:
            counts[exclusion.value] += 1
    return dict(sorted(counts.items()))


def offered_jobs(connection: Connection, now_ms: TimestampMs) -> frozenset[Hash]:
    """Return the jobs that somebody may be given now; one more than are looked at if many."""
    query = select(jobs.c.job_id).where(offered(now_ms)).limit(LOOKED_AT_MAX + 1)
    return frozenset(connection.execute(query).scalars())


def note_served(connection: Connection, client_id: str) -> None:
    """Put a client behind all others: one of its jobs was claimed."""
    last = select(func.max(clients.c.served_turn)).scalar_subquery()
    row = clients.c.client_id == client_id
    connection.execute(update(clients).where(row).values(served_turn=last + 1))


def _may_fit(declared: Capabilities, registry: ServiceRegistry) -> ColumnElement[bool]:
    """Return the part of the constraints that the database can decide."""
    with_model = {s.service_id for s in registry.all() if s.has_model} & declared.services
    fits: ColumnElement[bool] = jobs.c.service.in_(declared.services - with_model)
    if declared.models:
        names = declared.models | {a for a, m in declared.aliases.items() if m in declared.models}
        fits = or_(fits, and_(jobs.c.service.in_(with_model), jobs.c.model.in_(names)))
    else:
        fits = or_(fits, jobs.c.service.in_(with_model))
    return fits


def _just_failed(connection: Connection, miner: Address, since_ms: TimestampMs) -> set[Hash]:
    query = select(attempts.c.job_id).where(
        attempts.c.miner == miner,
        attempts.c.phase == AttemptPhase.ENDED.value,
        attempts.c.ended_ms > since_ms,
    )
    return set(connection.execute(query).scalars())
