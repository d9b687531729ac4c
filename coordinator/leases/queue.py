"""The queue as the tables have it: which jobs miners may be given, and why one is given none."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    exists,
    func,
    select,
    update,
)

from coordinator.database.indexes import unindexed
from coordinator.database.listed import Listed
from coordinator.database.prepared import Prepared, one_of
from coordinator.database.tables import attempts, clients, jobs, miners, outbox, payloads
from coordinator.jobs.model import JobPhase
from coordinator.leases.matching import Exclusion, Needs, exclusion_of
from coordinator.leases.phase import AttemptPhase
from coordinator.leases.waiting import WaitingJob
from coordinator.miners.capabilities import Capabilities
from coordinator.miners.store import is_held_lease
from coordinator.outbox import OutboxState
from coordinator.registry import ServiceRegistry
from ledger.types import Address, Hash, TimestampMs

AnyRow = Row[tuple[object, ...]]

REASONED_MAX: Final = 500
"""Queued jobs that are counted by reason when a miner gets none."""

_ENDINGS: Final = ("fail_job", "cancel_job")


@dataclass(frozen=True, slots=True)
class QueueChanges:
    """How the tables' queue differs from what is known of it."""

    come: list[tuple[WaitingJob, int]]
    """Jobs that are not known, each with when its client was served last."""
    gone: set[Hash]
    """Jobs that no miner may be given any more."""
    last_turn: int
    """When any client was served last."""


def offered(now_ms: TimestampMs | BindParameter[int]) -> ColumnElement[bool]:
    """Return the condition of jobs that a miner may be given now."""
    has_payload = exists().where(payloads.c.job_id == jobs.c.job_id)
    is_ending = exists().where(
        outbox.c.job_id == jobs.c.job_id,
        unindexed(outbox.c.state) == OutboxState.PENDING.value,
        one_of(outbox.c.action, _ENDINGS),
    )
    return and_(
        jobs.c.phase == JobPhase.QUEUED.value,
        jobs.c.open_assignment.is_(None),
        ~jobs.c.is_held,
        jobs.c.deadline_ms > now_ms,
        has_payload,
        ~is_ending,
    )


def read_waiting(
    connection: Connection,
    now_ms: TimestampMs,
    job_ids: Collection[Hash] | None,
    known: Collection[Hash],
) -> QueueChanges:
    """Return how the jobs that miners may be given now differ from those known.

    Args:
        connection: reads.
        now_ms: the coordinator's clock.
        job_ids: those that are asked for; None for all.
        known: those of them that were found before; what a job needs never changes.
    """
    if job_ids is None:
        found = _WAITING.all(connection, now_ms=now_ms)
    else:
        found = _SOME_WAITING.all(connection, job_ids, now_ms=now_ms)
    gone, come = set(known), []
    for row in found:
        if row.job_id in known:
            gone.discard(row.job_id)
            continue
        job = WaitingJob(row.job_id, row.seq, row.client_id, row.deadline_ms, Needs.of(row))
        come.append((job, row.served_turn))
    return QueueChanges(come, gone, _LAST_TURN.one(connection).turn or 0)


def look_at(
    connection: Connection, job_id: Hash, miner: Address, *, now_ms: TimestampMs, pause_ms: int
) -> AnyRow | None:
    """Return what a miner must not be to be given a job; None if nobody may be given it now.

    `is_draining` and `held`, its leases, are the miner's; `just_failed` is whether it gave this
    job up within the last `pause_ms`.
    """
    return _LOOK.one_or_none(
        connection, job_id=job_id, miner=miner, now_ms=now_ms, since_ms=now_ms - pause_ms
    )


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


def note_served(connection: Connection, client_id: str) -> None:
    """Put a client behind all others: one of its jobs was claimed."""
    _SERVED.run(connection, served=client_id)


def find_wanted(
    connection: Connection, job_id: Hash, miner: Address, now_ms: TimestampMs
) -> AnyRow | None:
    """Return the row of a job that a miner claims, with what decides whether it may have it.

    Beside the columns of `jobs` these are `is_offered`, whether any miner may be given it now;
    `has_live`, whether it has a live attempt; `held`, how many jobs the miner holds.
    """
    return _WANTED.one_or_none(connection, job_id=job_id, miner=miner, now_ms=now_ms)


_now: Final = bindparam("now_ms", type_=BigInteger)

# Statements are made once: to build one takes longer than to run it.
_waiting: Final = (
    select(
        jobs.c.job_id,
        jobs.c.seq,
        jobs.c.client_id,
        jobs.c.deadline_ms,
        jobs.c.service,
        jobs.c.model,
        jobs.c.max_price,
        jobs.c.spec,
        clients.c.served_turn,
    )
    .join(clients, clients.c.client_id == jobs.c.client_id)
    .where(offered(_now))
)

_WAITING: Final = Prepared(_waiting)

_SOME_WAITING: Final = Listed(lambda job_ids: _waiting.where(jobs.c.job_id.in_(job_ids)))

_held: Final = (
    select(func.count())
    .where(attempts.c.miner == bindparam("miner"), is_held_lease())
    .scalar_subquery()
    .label("held")
)

_live: Final = attempts.alias("live")

_WANTED: Final = Prepared(
    select(
        jobs,
        offered(_now).label("is_offered"),
        exists()
        .where(_live.c.job_id == jobs.c.job_id, _live.c.phase == AttemptPhase.LIVE.value)
        .label("has_live"),
        _held,
    ).where(jobs.c.job_id == bindparam("job_id"))
)

_LAST_TURN: Final = Prepared(select(func.max(clients.c.served_turn).label("turn")))

_SERVED: Final = Prepared(
    update(clients)
    .where(clients.c.client_id == bindparam("served"))
    .values(served_turn=select(func.max(clients.c.served_turn)).scalar_subquery() + 1)
)

_failed: Final = attempts.alias("failed")

_LOOK: Final = Prepared(
    select(
        select(miners.c.is_draining)
        .where(miners.c.address == bindparam("miner"))
        .scalar_subquery()
        .label("is_draining"),
        _held,
        exists()
        .where(
            _failed.c.job_id == jobs.c.job_id,
            _failed.c.miner == bindparam("miner"),
            _failed.c.phase == AttemptPhase.ENDED.value,
            _failed.c.ended_ms > bindparam("since_ms", type_=BigInteger),
        )
        .label("just_failed"),
    ).where(jobs.c.job_id == bindparam("job_id"), offered(_now))
)


def _just_failed(connection: Connection, miner: Address, since_ms: TimestampMs) -> set[Hash]:
    query = select(attempts.c.job_id).where(
        attempts.c.miner == miner,
        attempts.c.phase == AttemptPhase.ENDED.value,
        attempts.c.ended_ms > since_ms,
    )
    return set(connection.execute(query).scalars())
