"""How long the content of jobs is kept, and its deletion before that."""

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, and_, not_, or_, select

from coordinator.artifacts.service import ArtifactService
from coordinator.artifacts.store import drop_kept
from coordinator.artifacts.uses import drop_uses
from coordinator.batches import in_batches
from coordinator.clients.access import require
from coordinator.clients.model import Principal, Scope
from coordinator.core import Core
from coordinator.database.tables import jobs, miners, payloads, results
from coordinator.jobs.model import ENDED_PHASES
from coordinator.jobs.service import JobService
from coordinator.jobs.store import LIVE
from coordinator.retention.errors import JobNotFinished
from coordinator.retention.forgetting import FORGETTERS, forget_inputs, forget_results
from coordinator.retention.model import Forgotten
from ledger.types import Hash, TimestampMs

JOBS_PER_SWEEP_MAX: Final = 500
"""Jobs whose input, and jobs whose result, is deleted in one transaction."""


class RetentionService:
    """Deletes the content of jobs, in time or on demand."""

    def __init__(
        self,
        core: Core,
        jobs_of: JobService,
        artifacts: ArtifactService,
        forget_text: Callable[[Hash], None],
    ) -> None:
        """Stand on the core.

        Args:
            core: the core.
            jobs_of: reads jobs.
            artifacts: keeps files.
            forget_text: forgets what a job's miner said while it ran, which is in memory only.
        """
        self._core = core
        self._forget_text = forget_text
        self._jobs = jobs_of
        self._artifacts = artifacts

    async def delete(self, principal: Principal, job_id: Hash) -> Forgotten:
        """Delete input, result and files of a job that ended; deleting again changes nothing.

        When this returns they are gone from the database's file and its log, and the files from
        their folder. Files that another job names stay.

        Raises:
            Forbidden: the key has no scope `client`.
            JobNotFound: unknown, or another client's.
            JobNotFinished: it waits or runs.
        """
        require(principal, Scope.CLIENT)
        job = await self._jobs.get(principal, job_id)
        if job.phase not in ENDED_PHASES:
            raise JobNotFinished(f"The job is {job.phase.value}: cancel it first, or wait")
        now_ms = self._core.moments.clock_ms()
        done = await self._core.database.write(
            lambda c: _delete(c, principal.client_id, job_id, now_ms), forgets=True
        )
        self._forget_text(job_id)
        await self._artifacts.clear(done.artifacts)
        return done

    async def sweep(self) -> None:
        """Delete all that is past its retention, in many short transactions."""
        await in_batches(self._sweep_some, JOBS_PER_SWEEP_MAX)

    async def _sweep_some(self) -> int:
        now_ms = self._core.moments.clock_ms()
        due = await self._core.database.read(lambda c: _due(c, now_ms))
        inputs, outputs = due
        if inputs or outputs:
            await self._core.database.write(
                lambda c: _forget(c, inputs, outputs, now_ms), forgets=True
            )
        return max(len(inputs), len(outputs))


def _delete(connection: Connection, client_id: str, job_id: Hash, now_ms: TimestampMs) -> Forgotten:
    digests = drop_uses(connection, [job_id])
    maker = (
        select(miners.c.client_id)
        .join(jobs, jobs.c.miner == miners.c.address)
        .where(jobs.c.job_id == job_id)
    )
    keepers = {client_id, *connection.execute(maker).scalars()}
    dropped = drop_kept(connection, digests, keepers)
    had_input = forget_inputs(connection, [job_id]) > 0
    had_result = forget_results(connection, [job_id], now_ms) > 0
    for forget in FORGETTERS:
        forget(connection, [job_id])
    return Forgotten(job_id, now_ms, had_input, had_result, tuple(sorted(dropped)))


def _due(connection: Connection, now_ms: TimestampMs) -> tuple[Sequence[Hash], Sequence[Hash]]:
    """Return jobs whose input, and jobs whose result, is past its retention."""
    is_live = select(jobs.c.job_id).where(jobs.c.job_id == payloads.c.job_id, LIVE).exists()
    inputs = select(payloads.c.job_id).where(payloads.c.expires_ms <= now_ms, not_(is_live))
    outputs = select(results.c.job_id).where(
        results.c.expires_ms <= now_ms, results.c.document.is_not(None)
    )
    return (
        list(connection.execute(inputs.limit(JOBS_PER_SWEEP_MAX)).scalars()),
        list(connection.execute(outputs.limit(JOBS_PER_SWEEP_MAX)).scalars()),
    )


def _forget(
    connection: Connection, inputs: Sequence[Hash], outputs: Sequence[Hash], now_ms: TimestampMs
) -> None:
    """Delete content in time; its files have ends of their own."""
    forget_inputs(connection, inputs)
    forget_results(connection, outputs, now_ms)
    some = sorted({*inputs, *outputs})
    for forget in FORGETTERS:
        forget(connection, some)
    drop_uses(connection, _without_content(connection, some))


def _without_content(connection: Connection, job_ids: Sequence[Hash]) -> list[Hash]:
    """Return those of some jobs of which neither input nor result is kept."""
    has_input = select(payloads.c.job_id).where(payloads.c.job_id == jobs.c.job_id).exists()
    has_result = (
        select(results.c.job_id)
        .where(and_(results.c.job_id == jobs.c.job_id, results.c.document.is_not(None)))
        .exists()
    )
    query = select(jobs.c.job_id).where(
        jobs.c.job_id.in_(job_ids), not_(or_(has_input, has_result))
    )
    return list(connection.execute(query).scalars())
