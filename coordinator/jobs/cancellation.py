"""Cancelling a job: signed by the client's wallet, answered when final (J4 to J6)."""

from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, Row

from coordinator.core import Core
from coordinator.errors import (
    InsufficientBalance,
    JobAlreadyCompleted,
    JobAlreadyFinished,
    JobNotFound,
    Unavailable,
)
from coordinator.jobs import store
from coordinator.jobs.model import JobPhase
from coordinator.moment import Moment
from coordinator.outbox import OutboxState, SignedBytes
from coordinator.outbox import store as outbox
from coordinator.ports import TransactionStatus
from coordinator.wallets.store import get_key
from ledger.actions import CancelJob
from ledger.types import Amount, Hash

BP_WHOLE: Final = 10_000

_ROUNDS_MAX: Final = 4
"""A job changes its phase at most so often while it is being cancelled."""


class JobCancellation:
    """Cancels jobs."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core

    async def cancel(self, job_id: Hash) -> None:
        """Cancel a job that is the caller's; returns when it is final, or was before.

        Raises:
            JobAlreadyCompleted, JobAlreadyFinished: it ended otherwise.
            InsufficientBalance: the wallet does not cover the cancellation's fee.
            Unavailable: not final in time, or the chain refuses it.
        """
        for _ in range(_ROUNDS_MAX):
            phase = await self._core.database.read(lambda c: _phase(c, job_id))
            if phase is JobPhase.CANCELLED:
                return
            if phase is JobPhase.COMPLETED:
                raise JobAlreadyCompleted("The job has its receipt and cannot be cancelled")
            if phase in (JobPhase.FAILED, JobPhase.EXPIRED):
                raise JobAlreadyFinished(f"The job {phase.value} already")
            if phase is JobPhase.ACCEPTED:
                await self._await_escrow(job_id)
            else:
                await self._submit(job_id)
        raise Unavailable("The job changed while it was being cancelled")

    async def _await_escrow(self, job_id: Hash) -> None:
        wait_s = self._core.config.timings.final_wait_s
        if await self._core.courier.wait(job_id, wait_s) is OutboxState.PENDING:
            raise Unavailable("The escrow is not final yet")

    async def _submit(self, job_id: Hash) -> None:
        live = self._core.chain.job(job_id)
        if live is None:
            # The chain ended it; the follower is about to say how.
            await self._core.follower.catch_up()
            return
        most = compensation_bound(live.max_price, live.cancel_bp)
        action = CancelJob(job_id=job_id, compensation_max=most)
        moment = self._core.moments.now()
        sent = await self._core.database.write(lambda c: self._store(c, action, moment))
        if sent is None:
            return
        # If the node refuses the bytes at once, nobody else has seen them.
        outcome = await self._core.courier.send(
            sent.transaction_id,
            lambda c: outbox.forget(c, sent.transaction_id),
            keeps_if_full=True,
        )
        if outcome.status is TransactionStatus.REJECTED:
            self._core.follower.requeued([job_id])
            if outcome.code == InsufficientBalance.code:
                raise InsufficientBalance(sent.fee, self._core.chain.spendable(live.client))
            raise Unavailable(f"The chain refuses the cancellation: {outcome.code}")
        wait_s = self._core.config.timings.final_wait_s
        state = await self._core.courier.wait(sent.transaction_id, wait_s)
        if state is OutboxState.PENDING:
            raise Unavailable("The cancellation is not final yet")

    def _store(
        self, connection: Connection, action: CancelJob, moment: Moment
    ) -> SignedBytes | None:
        """Return the cancellation that is under way or was just stored, None if the job ended."""
        job = _row(connection, action.job_id)
        if job.end_kind is not None:
            return None
        key = get_key(connection, self._core.vault, job.client)
        validity_ms = self._core.config.timings.transaction_validity_ms
        signed = self._core.signer.sign(moment, key, action, validity_ms)
        sent = outbox.ensure(
            connection,
            f"cancel:{action.job_id.hex()}",
            lambda: signed,
            moment.now_ms,
            job_id=action.job_id,
        )
        return replace(signed, transaction_id=sent)


def compensation_bound(max_price: Amount, cancel_bp: int) -> Amount:
    """Return the most that cancelling may cost, whoever gets the job meanwhile (J6)."""
    return -(-max_price * cancel_bp // BP_WHOLE)


def _row(connection: Connection, job_id: Hash) -> Row[tuple[object, ...]]:
    row = store.find_job(connection, job_id)
    if row is None:
        raise JobNotFound
    return row


def _phase(connection: Connection, job_id: Hash) -> JobPhase:
    return JobPhase(_row(connection, job_id).phase)
