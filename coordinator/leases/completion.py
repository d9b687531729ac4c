"""Completing a job: result accepted, then receipt sent, in that order (J3).

The result is stored in the same database transaction as the signed receipt, before anything is
sent. Whatever dies afterwards, the receipt is sent again, the delivery is attested, and a repeated
call gets the same answer.
"""

from typing import Final

from sqlalchemy import Connection, bindparam, delete, exists, insert, select

from coordinator.artifacts.uses import note_uses
from coordinator.core import Core
from coordinator.database.prepared import Prepared
from coordinator.database.tables import attempts, payloads, receipts, results
from coordinator.database.tables import outbox as outbox_rows
from coordinator.duties import SignReceipt, intent_of, managed_receipt
from coordinator.errors import (
    JobAlreadyCompleted,
    JobNotFound,
    LeaseLost,
    ReceiptInvalid,
    ResultMalformed,
    Unavailable,
)
from coordinator.events.changes import JobChanges
from coordinator.jobs.documents import SALT_BYTES
from coordinator.jobs.store import find_job
from coordinator.jobs.views import AnyRow
from coordinator.leases import receipt_check, store
from coordinator.leases.acceptance import Acceptance, Accepted, Delivery
from coordinator.leases.model import Completion
from coordinator.leases.phase import AttemptPhase
from coordinator.leases.store import CallingMiner
from coordinator.outbox import OutboxState, SignedBytes
from coordinator.outbox import store as outbox
from ledger.actions import ACTION_NAMES, Custody, PostReceipt, Reason
from ledger.types import Hash

_of_attempt: Final = (results.c.job_id == bindparam("job_id")) & (
    results.c.attempt == bindparam("attempt")
)

_RESULT: Final = Prepared(select(results).where(_of_attempt))

_DROP_RESULT: Final = Prepared(delete(results).where(_of_attempt))

_KEEP_RESULT: Final = Prepared(insert(results).inline(), columns=results.columns.keys())

# A miner's attempts at a job, with what decides which tables have to be asked more: for most
# deliveries none has.
_DELIVERED: Final = Prepared(
    store.OF_MINER.add_columns(
        exists()
        .where(results.c.job_id == attempts.c.job_id, results.c.attempt == attempts.c.attempt)
        .label("has_result"),
        exists().where(payloads.c.job_id == attempts.c.job_id).label("has_payload"),
        exists()
        .where(
            outbox_rows.c.job_id == attempts.c.job_id,
            outbox_rows.c.attempt == attempts.c.attempt,
            outbox_rows.c.action == ACTION_NAMES[PostReceipt],
        )
        .label("has_receipt"),
    )
)


_Sent = tuple[Hash, bytes | None]
"""A receipt on its way; with its bytes, if they are new."""


class Completing:
    """Takes results."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core
        self._acceptance = Acceptance(core)

    async def complete(self, miner: CallingMiner, job_id: Hash, completion: Completion) -> None:
        """Take a result; returns when its receipt is final. See `LeaseService.complete`."""
        core = self._core
        # The final state and the tables shall speak of the same block.
        await core.follower.catch_up()
        delivery = Delivery(miner, job_id, completion, core.chain.job(job_id), core.moments.now())
        try:
            sent = await core.database.write(lambda c: self._accept(c, delivery))
        except ResultMalformed:
            await core.database.write(lambda c: _note_refusal(c, delivery))
            raise
        if sent is None:
            core.courier.kick()
            core.events.hub.kick()
            core.follower.jobs.fire([job_id])
            return
        wait_s = core.config.timings.final_wait_s
        receipt_id, fresh = sent
        state = await core.courier.send_and_wait(receipt_id, wait_s, fresh=fresh)
        if state is OutboxState.PENDING:
            raise Unavailable("The receipt is not final yet")
        if state is not OutboxState.FINAL and not await self._is_done(delivery):
            raise LeaseLost("The attempt ended before its receipt was included; it is not paid")

    def _accept(self, connection: Connection, delivery: Delivery) -> _Sent | None:
        """Check and store; return the receipt to wait for, None if it is final already."""
        job = find_job(connection, delivery.job_id)
        if job is None:
            raise JobNotFound
        attempt = _attempt(connection, delivery, job)
        known = _known_result(connection, attempt) if attempt.has_result else None
        standing = outbox.find(connection, _intent(attempt)) if attempt.has_receipt else None
        if standing is not None and attempt.phase == AttemptPhase.LIVE:
            self._acceptance.document(connection, delivery, job, known)
            return standing.transaction_id, None
        accepted = self._acceptance.check(connection, delivery, job, attempt, known)
        if attempt.phase == AttemptPhase.DONE:
            self._deliver_late(connection, delivery, attempt, accepted, known)
            return None
        # No receipt is under way, so nothing commits to a result that was delivered before.
        self._keep(connection, delivery, attempt, accepted, known)
        if delivery.miner.custody is Custody.MANAGED:
            coordinator = self._core.config.account_key.address
            receipt = managed_receipt(coordinator, delivery.job_id, job, attempt, accepted)
            duties, miner = self._core.duties, delivery.miner.address
            signed = duties.sign_receipt(connection, delivery.moment, miner, receipt)
        else:
            signed = self._take(connection, delivery, attempt)
        return signed.transaction_id, signed.signed

    def _deliver_late(
        self,
        connection: Connection,
        delivery: Delivery,
        attempt: AnyRow,
        accepted: Accepted,
        known: AnyRow | None,
    ) -> None:
        """Take the result of a receipt that reached the chain before it (J8); attest it.

        Raises:
            ReceiptInvalid: the receipt on the chain commits to another result.
        """
        of_job = select(receipts.c.digest).where(receipts.c.job_id == delivery.job_id)
        committed = connection.execute(of_job).scalar_one()
        if known is not None and known.digest == committed:
            return
        if accepted.digest != committed:
            message = f"the receipt on the chain has {committed.hex()}"
            raise ReceiptInvalid.at("/transaction/result_digest", message)
        changes = JobChanges(connection, delivery.moment.now_ms)
        changes.before([delivery.job_id])
        self._keep(connection, delivery, attempt, accepted, known)
        changes.record()
        self._core.duties.perform(connection, delivery.moment, [delivery.job_id])

    def _keep(
        self,
        connection: Connection,
        delivery: Delivery,
        attempt: AnyRow,
        accepted: Accepted,
        known: AnyRow | None,
    ) -> None:
        now_ms = delivery.moment.now_ms
        if known is not None:
            _DROP_RESULT.run(connection, job_id=attempt.job_id, attempt=attempt.attempt)
        # Who had the input deleted does not want the result either, if it comes late.
        is_wanted = attempt.has_payload
        _KEEP_RESULT.run(
            connection,
            job_id=delivery.job_id,
            attempt=attempt.attempt,
            miner=delivery.miner.address,
            document=accepted.document if is_wanted else None,
            # With the digest, which receipts name, it would let a short result be guessed.
            salt=accepted.salt if is_wanted else bytes(SALT_BYTES),
            digest=accepted.digest,
            model=accepted.model,
            started_ms=accepted.started_ms,
            completed_ms=accepted.completed_ms,
            delivered_ms=now_ms,
            expires_ms=now_ms + self._core.config.timings.result_retention_ms,
        )
        if is_wanted:
            note_uses(connection, delivery.job_id, accepted.document)

    def _take(self, connection: Connection, delivery: Delivery, attempt: AnyRow) -> SignedBytes:
        """Put the receipt into the outbox that the miner itself signed."""
        chain, signed = self._core.chain, delivery.completion.transaction
        assert signed is not None, "acceptance has read the signed receipt"
        transaction, _ = receipt_check.read_receipt(chain.tags, chain.chain_id, signed)
        described = self._core.signer.describe(transaction)
        if outbox.get(connection, described.transaction_id) is not None:
            message = "is out of time and was not included: sign a new one"
            raise ReceiptInvalid.at("/transaction/valid_until_ms", message)
        outbox.add(
            connection,
            _intent(attempt),
            described,
            delivery.moment.now_ms,
            job_id=delivery.job_id,
            attempt=attempt.attempt,
        )
        return described

    async def _is_done(self, delivery: Delivery) -> bool:
        """Return whether another receipt of the same attempt is final."""
        job_id, miner = delivery.job_id, delivery.miner.address
        query = select(receipts).where(receipts.c.job_id == job_id, receipts.c.miner == miner)
        found = await self._core.database.read(lambda c: c.execute(query).one_or_none())
        return found is not None


def _attempt(connection: Connection, delivery: Delivery, job: AnyRow) -> AnyRow:
    """Return the attempt that is completed.

    Raises:
        LeaseLost: the miner has no attempt that is live, or that has the receipt.
        JobAlreadyCompleted: another miner completed the job.
    """
    number = delivery.completion.attempt
    found = _DELIVERED.all(connection, job_id=delivery.job_id, miner=delivery.miner.address)
    attempt = next((row for row in found if number in (None, row.attempt)), None)
    if attempt is None:
        if job.receipt_id is not None:
            raise JobAlreadyCompleted("The job was completed by another miner")
        raise LeaseLost("The miner has no such lease of this job")
    if attempt.phase not in (AttemptPhase.LIVE, AttemptPhase.DONE):
        raise LeaseLost(f"Attempt {attempt.attempt} is over; its work is not paid")
    if attempt.release_reason is not None:
        raise LeaseLost(f"The miner gave attempt {attempt.attempt} up")
    return attempt


def _known_result(connection: Connection, attempt: AnyRow) -> AnyRow | None:
    return _RESULT.one_or_none(connection, job_id=attempt.job_id, attempt=attempt.attempt)


def _intent(attempt: AnyRow) -> str:
    return intent_of(SignReceipt, attempt.job_id, attempt.attempt)


def _note_refusal(connection: Connection, delivery: Delivery) -> None:
    completion, miner = delivery.completion, delivery.miner.address
    attempt = store.attempt_of(connection, delivery.job_id, miner, completion.attempt)
    if attempt is not None:
        store.note_refusal(connection, attempt.assignment_id, Reason.RESULT_MALFORMED)
