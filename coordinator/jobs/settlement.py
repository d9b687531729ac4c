"""A client's word on a receipt: it is disputed with a bond, or accepted (J3, J13).

Either is signed by the client's wallet and answered when it is final. A job that was submitted with
a dispute window (J4) waits for it; one without settles as soon as its delivery is attested.
"""

from typing import Final

from sqlalchemy import Connection

from coordinator.core import Core
from coordinator.errors import (
    InsufficientBalance,
    JobAlreadyFinished,
    JobNotCompleted,
    JobNotFound,
    ReceiptSettled,
    Unavailable,
)
from coordinator.jobs import store
from coordinator.jobs.model import JobPhase
from coordinator.outbox import OutboxState
from coordinator.outbox import store as outbox
from coordinator.ports import SubmitOutcome, TransactionStatus
from coordinator.wallets.store import get_key
from ledger.actions import AcceptReceipt, Action, DisputeReceipt, Reason
from ledger.outcomes import OutcomeKind
from ledger.records import Job, JobState
from ledger.types import Amount, Hash

_WITH_RECEIPT: Final = frozenset({JobState.RECEIPT_IN, JobState.DISPUTED})

_WITHOUT: Final = frozenset({JobPhase.FAILED, JobPhase.CANCELLED, JobPhase.EXPIRED})
"""Phases of jobs that ended without a receipt."""


class JobSettlement:
    """Disputes and accepts receipts."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core

    async def dispute(self, job_id: Hash, reason: Reason) -> None:
        """Dispute the receipt of a job that is the caller's; returns when that is final.

        A receipt that is disputed already stays so.

        Raises:
            JobNotCompleted: there is no receipt yet.
            JobAlreadyFinished: there is none, and none will come.
            ReceiptSettled: it settled, or its window is over.
            InsufficientBalance: the wallet does not cover bond and fee.
            Unavailable: not final in time; repeat.
        """
        live = await self._live(job_id)
        if live is None:
            raise ReceiptSettled("The receipt settled already")
        if live.state is JobState.DISPUTED:
            return
        assert live.receipt is not None, "its state has one"
        bond = live.dispute_bond
        action = DisputeReceipt(job_id, live.receipt.receipt_id, reason, bond)
        await self._act(live, action, f"client-dispute:{job_id.hex()}", job_id, bond)

    async def accept(self, job_id: Hash) -> None:
        """Accept the receipt of a job that is the caller's: it settles; returns when it did.

        A receipt that settled for its miner stays so. A dispute of the client's ends, and its bond
        comes back.

        Raises:
            JobNotCompleted, JobAlreadyFinished, ReceiptSettled, Unavailable: as for `dispute`.
            InsufficientBalance: the wallet does not cover the fee.
        """
        live = await self._live(job_id)
        if live is None:
            row = await self._core.database.read(lambda c: store.find_job(c, job_id))
            if row is None or row.end_kind != OutcomeKind.JOB_SETTLED:
                raise ReceiptSettled("What was locked came back: there is nothing to accept")
            return
        assert live.receipt is not None, "its state has one"
        action = AcceptReceipt(job_id, live.receipt.receipt_id)
        await self._act(live, action, f"client-accept:{job_id.hex()}", job_id, 0)

    async def _live(self, job_id: Hash) -> Job | None:
        """Return the job with its receipt as the final state has it, None if that settled."""
        # The final state and the tables shall speak of the same block.
        await self._core.follower.catch_up()
        live = self._core.chain.job(job_id)
        if live is not None and live.state in _WITH_RECEIPT:
            return live
        row = await self._core.database.read(lambda c: store.find_job(c, job_id))
        if row is None:
            raise JobNotFound
        phase = JobPhase(row.phase)
        if phase in _WITHOUT:
            raise JobAlreadyFinished(f"The job {phase.value}: there is no receipt")
        if live is not None or phase is not JobPhase.COMPLETED:
            raise JobNotCompleted(phase.value)
        return None

    async def _act(self, live: Job, action: Action, intent: str, job_id: Hash, bond: int) -> None:
        core, moment = self._core, self._core.moments.now()

        def keep(connection: Connection) -> tuple[Hash, Amount, bool]:
            standing = outbox.find(connection, intent)
            key = get_key(connection, core.vault, live.client)
            validity_ms = core.config.timings.transaction_validity_ms
            signed = core.signer.sign(moment, key, action, validity_ms)
            if standing is not None:
                return standing.transaction_id, signed.fee, False
            outbox.add(connection, intent, signed, moment.now_ms, job_id=job_id)
            return signed.transaction_id, signed.fee, True

        sent, fee, is_new = await core.database.write(keep)
        # New bytes that the node refuses at once are in no pool: nobody else has seen them.
        undo = (lambda c: outbox.forget(c, sent)) if is_new else None
        outcome = await core.courier.send(sent, undo)
        if outcome.status in (TransactionStatus.REJECTED, TransactionStatus.FULL):
            raise _refusal(outcome, fee + bond, core.chain.spendable(live.client))
        state = await core.courier.wait(sent, core.config.timings.final_wait_s)
        if state is OutboxState.VOID:
            raise ReceiptSettled("The receipt settled meanwhile")
        if state is not OutboxState.FINAL:
            raise Unavailable("It is not final yet")


def _refusal(outcome: SubmitOutcome, needed: int, spendable: int) -> Exception:
    if outcome.status is TransactionStatus.FULL:
        return Unavailable("The transaction pool is full", 2)
    if outcome.code == InsufficientBalance.code:
        return InsufficientBalance(needed, spendable)
    return ReceiptSettled(f"The chain refuses it: {outcome.code}")
