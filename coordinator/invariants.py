"""What must hold between the coordinator's tables and the chain, checked at run time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Row, func, select

from coordinator.core import Core
from coordinator.database.tables import attempts, jobs
from coordinator.follower import followed_height
from coordinator.jobs.model import JobPhase
from coordinator.leases.phase import AttemptPhase
from ledger.records import JobState
from ledger.types import Amount, Hash, Height

_STATE_OF: Final = {
    JobPhase.QUEUED: (JobState.QUEUED,),
    JobPhase.RUNNING: (JobState.RUNNING,),
    JobPhase.COMPLETED: (JobState.RECEIPT_IN, JobState.DISPUTED),
}
"""States on the chain of a job that is live and in this phase."""

_ENDED: Final = (JobPhase.FAILED, JobPhase.CANCELLED, JobPhase.EXPIRED)


@dataclass(frozen=True, slots=True)
class InvariantReport:
    """What was found."""

    as_of_height: Height
    """Height that the tables follow."""
    is_current: bool
    """Whether that was the newest final block; otherwise chain and tables are not comparable."""
    open_jobs: int
    """Jobs whose escrow is locked."""
    escrowed: Amount
    """Nait in those escrows, by the chain."""
    violations: tuple[str, ...]
    """What does not hold; empty is how it must be."""


async def check_invariants(core: Core) -> InvariantReport:
    """Compare the tables with the final state of the chain."""
    height, live, stray = await core.database.read(_read)
    violations = [*stray]
    escrowed = 0
    for job in live:
        on_chain = core.chain.job(job.job_id)
        if on_chain is None:
            violations.append(f"job {job.job_id.hex()} is {job.phase} here, not live on the chain")
            continue
        escrowed += on_chain.max_price
        if on_chain.state not in _STATE_OF.get(JobPhase(job.phase), ()):
            violations.append(
                f"job {job.job_id.hex()} is {job.phase} here, {on_chain.state.name} on the chain"
            )
        if on_chain.max_price != job.max_price:
            violations.append(f"job {job.job_id.hex()}: {job.max_price} here, not in escrow")
    is_current = core.chain.head().height == height
    return InvariantReport(
        as_of_height=height,
        is_current=is_current,
        open_jobs=len(live),
        escrowed=escrowed,
        violations=tuple(violations) if is_current else (),
    )


def _read(connection: Connection) -> tuple[Height, Sequence[Row[tuple[object, ...]]], list[str]]:
    escrowed = jobs.c.end_kind.is_(None) & jobs.c.escrowed_ms.is_not(None)
    live = connection.execute(select(jobs).where(escrowed)).all()
    return followed_height(connection), live, list(_stray(connection))


def _stray(connection: Connection) -> Iterator[str]:
    """Yield what contradicts itself in the tables alone."""
    unlocked = select(jobs.c.job_id).where(
        jobs.c.phase.in_([phase.value for phase in _ENDED]),
        jobs.c.escrowed_ms.is_not(None),
        jobs.c.end_kind.is_(None),
    )
    for job_id in connection.execute(unlocked).scalars():
        yield f"job {_text(job_id)} ended here and its escrow is not released"
    leases = select(attempts.c.job_id, func.count().label("held")).where(
        attempts.c.phase == AttemptPhase.LIVE.value
    )
    rows = connection.execute(leases.group_by(attempts.c.job_id))
    held: dict[Hash, int] = {row.job_id: row.held for row in rows}
    running = select(jobs.c.job_id).where(jobs.c.phase == JobPhase.RUNNING.value)
    for job_id in connection.execute(running).scalars():
        if held.pop(job_id, 0) != 1:
            yield f"job {_text(job_id)} is RUNNING without exactly one lease"
    for job_id in held:
        yield f"job {_text(job_id)} has a lease and is not RUNNING"


def _text(job_id: Hash) -> str:
    return job_id.hex()
