"""Accepting an offer: a slot is reserved in one statement, then the client's wallet signs (S2).

Slot, attempt, acceptance and signed bytes are one transaction of the database. When the process
dies after it, the courier sends the same bytes; what can never be included gives the slot back.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from coordinator.clients.budgets import check_budget_of_key
from coordinator.clients.model import Principal
from coordinator.core import Core
from coordinator.errors import (
    InsufficientBalance,
    JobAlreadyClaimed,
    JobAlreadyCompleted,
    JobAlreadyFinished,
    JobNotClaimable,
    JobNotFound,
    Unavailable,
)
from coordinator.idempotency import Claim
from coordinator.jobs.model import JobPhase
from coordinator.jobs.store import charge_fee, find_job
from coordinator.marketplace import store
from coordinator.marketplace.binding import (
    Deal,
    bind,
    check_price,
    get_offer,
    sign_acceptance,
    take_slot,
    unbind,
)
from coordinator.marketplace.errors import BidTooLow, OfferNotAvailable
from coordinator.marketplace.fitting import Wanted
from coordinator.marketplace.model import Acceptance, AcceptancePhase
from coordinator.moment import Moment
from coordinator.outbox import OutboxState, SignedBytes
from coordinator.ports import SubmitOutcome, TransactionStatus
from coordinator.wallets.store import get_key
from ledger.records import Job, JobState
from ledger.types import Amount, Hash

_OFFER_GONE: Final = frozenset({"OFFER_UNKNOWN", "DEADLINE_PASSED"})
"""Codes with which the chain says that the offer ended meanwhile."""


@dataclass(frozen=True, slots=True)
class _Bid:
    """One call."""

    principal: Principal
    offer_id: Hash
    job_id: Hash
    bid: Amount | None
    """Most that the client pays, in nait; None takes the offer's price as it is."""
    live: Job | None
    """The job in the final state, which decides (K1)."""
    moment: Moment
    once: Claim | None


class Accepting:
    """Binds jobs to the miners of offers."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core

    async def accept(
        self,
        principal: Principal,
        offer_id: Hash,
        job_id: Hash,
        bid: Amount | None,
        once: Claim | None,
    ) -> Acceptance:
        """Accept an offer for a job. See `MarketplaceService.accept`."""
        core = self._core
        await self._await_escrow(principal, job_id)
        # The final state and the tables shall speak of the same block.
        await core.follower.catch_up()
        moment, live = core.moments.now(), core.chain.job(job_id)
        call = _Bid(principal, offer_id, job_id, bid, live, moment, once)
        accepted, signed = await core.database.write(lambda c: self._accept(c, call))
        if signed is None:
            return accepted
        # If the node refuses the bytes at once, nobody else has seen them.
        outcome = await core.courier.send(
            accepted.transaction_id, lambda c: _forget(c, job_id, once)
        )
        if outcome.status in (TransactionStatus.REJECTED, TransactionStatus.FULL):
            assert live is not None, "only a live job gets so far"
            raise _refusal(outcome, signed, core.chain.spendable(live.client))
        return accepted

    async def _await_escrow(self, principal: Principal, job_id: Hash) -> None:
        """Wait until the job's escrow is final; who creates a job accepts at once."""
        job = await self._core.database.read(lambda c: find_job(c, job_id))
        if job is None or job.client_id != principal.client_id:
            raise JobNotFound
        if job.phase == JobPhase.ACCEPTED:
            wait_s = self._core.config.timings.final_wait_s
            if await self._core.courier.wait(job_id, wait_s) is OutboxState.PENDING:
                raise Unavailable("The job's escrow is not final yet")

    def _accept(self, connection: Connection, call: _Bid) -> tuple[Acceptance, SignedBytes | None]:
        """Store a signed acceptance with its slot and its attempt; None if it stands already."""
        offer = get_offer(connection, call.offer_id)
        standing = store.standing_acceptance(connection, call.job_id, call.offer_id)
        if standing is not None:
            return _acceptance_of(standing), None
        if call.bid is not None and call.bid < offer.price:
            raise BidTooLow(call.bid, offer.price)
        job = self._check_job(connection, call, offer)
        registry, now_ms = self._core.registry, call.moment.now_ms
        take_slot(connection, registry, offer, Wanted.of(job), now_ms)
        assert call.live is not None, "checked"
        key = get_key(connection, self._core.vault, call.live.client)
        deal = Deal(call.job_id, call.live.attempt + 1, call.live.deadline_ms, offer, key)
        validity_ms = self._core.config.timings.assignment_validity_ms
        signed = sign_acceptance(self._core.signer, call.moment, deal, validity_ms)
        check_budget_of_key(connection, job.key_id, signed.fee, job.requested_ms)
        bind(connection, deal, signed, now_ms)
        charge_fee(connection, call.job_id, signed.fee)
        if call.once is not None:
            call.once.note(connection, signed.transaction_id.hex())
        accepted = Acceptance(
            transaction_id=signed.transaction_id,
            offer_id=call.offer_id,
            job_id=call.job_id,
            phase=AcceptancePhase.PENDING,
            created_ms=call.moment.now_ms,
        )
        return accepted, signed

    def _check_job(self, connection: Connection, call: _Bid, offer: store.AnyRow) -> store.AnyRow:
        """Return the job, if it is queued, given to nobody, and pays the price.

        Raises:
            JobAlreadyClaimed, JobAlreadyCompleted, JobAlreadyFinished, JobNotClaimable,
            PriceAboveMaximum: as they say.
        """
        job = find_job(connection, call.job_id)
        assert job is not None, "looked for before"
        phase = JobPhase(job.phase)
        if phase is JobPhase.RUNNING or job.open_assignment is not None:
            raise JobAlreadyClaimed("A miner has the job")
        if phase is JobPhase.COMPLETED:
            raise JobAlreadyCompleted("The job has its receipt")
        if phase in (JobPhase.FAILED, JobPhase.CANCELLED, JobPhase.EXPIRED):
            raise JobAlreadyFinished(f"The job {phase.value} already")
        if call.live is None or call.live.state is not JobState.QUEUED:
            raise JobNotClaimable("The job is not queued any more")
        if job.deadline_ms <= call.moment.now_ms:
            raise JobNotClaimable("The job's time is over")
        check_price(offer, job.max_price)
        return job


def _acceptance_of(row: store.AnyRow) -> Acceptance:
    return Acceptance(
        transaction_id=row.transaction_id,
        offer_id=row.offer_id,
        job_id=row.job_id,
        phase=AcceptancePhase(row.phase),
        created_ms=row.created_ms,
    )


def _forget(connection: Connection, job_id: Hash, once: Claim | None) -> None:
    unbind(connection, job_id)
    if once is not None:
        once.forget(connection)


def _refusal(outcome: SubmitOutcome, signed: SignedBytes, spendable: Amount) -> Exception:
    if outcome.status is TransactionStatus.FULL:
        return Unavailable("The transaction pool is full", 2)
    if outcome.code == InsufficientBalance.code:
        return InsufficientBalance(signed.fee, spendable)
    if outcome.code in _OFFER_GONE:
        return OfferNotAvailable("it ended a moment ago")
    return JobNotClaimable(f"The chain refuses the acceptance: {outcome.code}")
