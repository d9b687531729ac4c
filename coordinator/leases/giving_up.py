"""A miner ends its attempt: release signed, final, and the job fails if the input was bad (J8)."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from coordinator.core import Core
from coordinator.duties import INPUT_FAULTS
from coordinator.errors import (
    InvalidRequest,
    JobAlreadyCompleted,
    JobNotFound,
    LeaseLost,
    TransactionInvalid,
    Unavailable,
)
from coordinator.jobs.model import ENDED_PHASES, JobPhase
from coordinator.jobs.store import find_job
from coordinator.leases import store
from coordinator.leases.model import GiveUp
from coordinator.leases.phase import AttemptPhase
from coordinator.leases.receipt_check import read_release
from coordinator.leases.store import AnyRow, CallingMiner
from coordinator.moment import Moment
from coordinator.outbox import OutboxState, SignedBytes
from coordinator.outbox import store as outbox
from ledger.actions import Custody, Reason, ReleaseJob
from ledger.types import Hash

MINER_REASONS: Final = INPUT_FAULTS | {
    Reason.UNSPECIFIED,
    Reason.RUNNER_FAILED,
    Reason.MINER_DRAINING,
    Reason.PAYLOAD_MISMATCH,
}
"""Reasons that a miner may give."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One call."""

    miner: CallingMiner
    job_id: Hash
    give_up: GiveUp
    reason: Reason
    moment: Moment


class GivingUp:
    """Takes jobs back that miners give up."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core

    async def release(self, miner: CallingMiner, job_id: Hash, give_up: GiveUp) -> None:
        """End an attempt; returns when that is final. See `LeaseService.release`."""
        core = self._core
        call = _Call(miner, job_id, give_up, _reason(give_up.reason), core.moments.now())
        sent = await core.database.write(lambda c: self._note(c, call))
        if sent is None:
            return
        wait_s = core.config.timings.final_wait_s
        if await core.courier.send_and_wait(sent, wait_s) is OutboxState.PENDING:
            raise Unavailable("The release is not final yet")
        if call.reason in INPUT_FAULTS:
            await self._await_end(job_id, wait_s)

    def _note(self, connection: Connection, call: _Call) -> Hash | None:
        """Note the wish; return the signed release to wait for, None if there is none."""
        if find_job(connection, call.job_id) is None:
            raise JobNotFound
        attempt = store.attempt_of(
            connection, call.job_id, call.miner.address, call.give_up.attempt
        )
        if attempt is not None and attempt.end_reason == call.reason.value:
            return None
        if attempt is None or attempt.phase != AttemptPhase.LIVE:
            raise LeaseLost("The miner has no such lease of this job")
        intents = f"{call.job_id.hex()}:{attempt.attempt}"
        if outbox.find(connection, f"receipt:{intents}") is not None:
            raise JobAlreadyCompleted("A result was delivered for this attempt")
        signed = self._signed(call, attempt)
        store.note_release(connection, attempt.assignment_id, call.reason, call.give_up.message)
        if signed is None:
            # Managed miners are signed for; without a signature the lease has to run out (J8).
            sent = self._core.duties.perform(connection, call.moment, [call.job_id])
            return sent[0].transaction_id if sent else None
        return outbox.ensure(
            connection,
            f"release:{intents}",
            lambda: signed,
            call.moment.now_ms,
            job_id=call.job_id,
            attempt=attempt.attempt,
        )

    def _signed(self, call: _Call, attempt: AnyRow) -> SignedBytes | None:
        """Return the release that the miner signed, None if it sent none.

        Raises:
            TransactionInvalid: it is not of this miner, job, attempt and reason.
        """
        if call.give_up.transaction is None:
            return None
        if call.miner.custody is Custody.MANAGED:
            raise TransactionInvalid.at("/transaction", "this miner's key is managed here")
        chain = self._core.chain
        transaction = read_release(
            chain.tags, chain.chain_id, call.give_up.transaction, call.miner.address
        )
        wanted = ReleaseJob(job_id=call.job_id, attempt=attempt.attempt, reason=call.reason)
        if transaction.transaction.action != wanted or transaction.transaction.fee:
            message = f"must be job, attempt {attempt.attempt}, {call.reason.name} and fee 0"
            raise TransactionInvalid.at("/transaction", message)
        return self._core.signer.describe(transaction)

    async def _await_end(self, job_id: Hash, wait_s: float) -> None:
        """Wait for the failure that follows; it is owed and comes later too."""

        async def ended() -> bool | None:
            row = await self._core.database.read(lambda c: find_job(c, job_id))
            assert row is not None
            return True if JobPhase(row.phase) in ENDED_PHASES else None

        await self._core.follower.jobs.wait_until(job_id, ended, wait_s)


def _reason(name: str) -> Reason:
    """Return the reason of that name.

    Raises:
        InvalidRequest: there is none that a miner may give.
    """
    for reason in MINER_REASONS:
        if reason.name == name:
            return reason
    known = ", ".join(sorted(reason.name for reason in MINER_REASONS))
    raise InvalidRequest.at("/reason", f"must be one of {known}", "UNKNOWN_REASON")
