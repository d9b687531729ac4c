"""Creating a job: terms, signature, outbox, pool (P1 to P3, J30)."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, Row

from coordinator.clients.budgets import check_budget, standing_of
from coordinator.clients.model import Principal
from coordinator.clients.wallet_keys import WalletKeys
from coordinator.core import Core
from coordinator.errors import InsufficientBalance, Unavailable
from coordinator.idempotency import Claim
from coordinator.jobs import documents, store, terms
from coordinator.jobs.fresh import Stored
from coordinator.jobs.model import JobSpec
from coordinator.jobs.open_jobs import OpenJobs
from coordinator.marketplace.binding import (
    Deal,
    bind,
    check_price,
    open_offer,
    sign_acceptance,
    take_slot,
    unbind,
)
from coordinator.marketplace.fitting import Wanted
from coordinator.outbox import SignedBytes
from coordinator.outbox import store as outbox
from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.actions import SubmitJob, Verification
from ledger.keys import KeyPair
from ledger.types import Amount, Hash, TimestampMs


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A job that is signed, and not stored."""

    job: store.NewJob
    signed: SignedBytes
    principal: Principal
    deal: Deal | None = None
    """The offer that it is taken to, if there is one."""
    acceptance: SignedBytes | None = None
    """The signed acceptance of that offer."""

    @property
    def needed(self) -> int:
        """Nait that the job takes out of the wallet: price and fees."""
        return self.job.terms.max_price + self.job.fee


@dataclass(frozen=True, slots=True)
class Costs:
    """What a job would take out of its client's wallet."""

    spec: JobSpec
    """The job, with its ceiling filled in."""
    max_price: Amount
    """Nait that would be locked in escrow (P1)."""
    fee: Amount
    """Nait of the fees: the submission's, and the acceptance's where an offer is named."""
    available: Amount
    """Nait that the wallet can spend now."""
    offer: Row[tuple[object, ...]] | None
    """The open offer that it would be taken to, if it names one."""


class JobCreation:
    """Makes jobs."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core
        self._wallets = WalletKeys(core.database, core.vault)
        self._open_jobs = OpenJobs(core.config.limits.open_jobs_per_client_max)

    async def create(
        self, principal: Principal, spec: JobSpec, once: Claim | None = None
    ) -> Stored | Hash:
        """Sign, store and pool the escrow of a job; return what was stored, or only the job's id.

        The id alone is what is known of a job that an earlier sending of the request made, or if
        nobody knows at the moment which blocks were followed.

        The job and the note of it under the request's key are stored together: after a death in
        between, the repeated request finds either both or none.

        Raises:
            InvalidJobType, InvalidRequest, TooLarge: the specification breaks a limit.
            InsufficientBalance: balance < price + fees; nothing is left behind.
            KeyBudgetExceeded: the key's budget does not cover price + fees; nothing is left behind.
            OfferNotFound, OfferNotAvailable, OfferForOtherJobs, JobNotForMiner, PriceAboveMaximum:
                the offer that it names cannot be accepted for it; nothing is left behind.
            TooManyRequests: the client has as many open jobs as one may.
            Unavailable: the pool is full or refuses; nothing is left behind.
        """
        if once is not None and once.effect is not None:
            return bytes.fromhex(once.effect)
        prepared = await self._prepared(principal, spec)
        needed = prepared.needed
        # A courtesy: the chain decides, and says so later if the balance moves meanwhile (P3).
        spendable = self._core.chain.spendable(prepared.job.client)
        if spendable < needed:
            raise InsufficientBalance(needed, spendable)
        now_ms = self._core.moments.clock_ms()
        await self._core.database.write(lambda c: self._store(c, prepared, now_ms, once))
        # Before the bytes are sent to anybody: no block that was followed holds the job.
        followed = self._core.follower.followed
        if prepared.deal is not None:
            # The acceptance follows the escrow; the courier sends it until it is included.
            self._core.courier.kick()
        job_id = prepared.job.job_id
        outcome = await self._core.courier.send(
            job_id, lambda c: _forget(c, job_id, once), fresh=prepared.signed.signed
        )
        if outcome.status in (TransactionStatus.REJECTED, TransactionStatus.FULL):
            raise _refusal(outcome, needed, spendable)
        return job_id if followed is None else Stored(prepared.job, followed)

    async def costs(self, principal: Principal, spec: JobSpec) -> Costs:
        """Return what a job would take out of the client's wallet; nothing is kept.

        Raises:
            InvalidJobType, InvalidRequest, TooLarge: the specification breaks a limit.
            OfferNotFound, OfferNotAvailable, OfferForOtherJobs, JobNotForMiner, PriceAboveMaximum:
                the offer that it names could not be accepted for it.
        """
        prepared = await self._prepared(principal, spec)
        return Costs(
            spec=prepared.job.spec,
            max_price=prepared.job.terms.max_price,
            fee=prepared.job.fee,
            available=self._core.chain.spendable(prepared.job.client),
            offer=None if prepared.deal is None else prepared.deal.offer,
        )

    async def _prepared(self, principal: Principal, spec: JobSpec) -> _Prepared:
        """Return a job that holds to all limits, priced and signed."""
        # Its size comes first: the schema is for what may be held against it.
        payload = terms.bounded_payload(spec, self._core.config.limits.payload_bytes_max)
        spec, service = terms.checked(self._core.registry, spec)
        offer = None
        if spec.offer_id:
            offer = await self._open_offer(spec)
            # An escrow holds at least one nait, even for work that costs nothing.
            max_price = max(1, offer.price) if spec.max_price is None else spec.max_price
            check_price(offer, max_price)
            spec = replace(spec, max_price=max_price)
        priced = spec
        if spec.max_price is None:
            priced = replace(spec, max_price=terms.price_of(spec, service))
        wallet = await self._wallets.of(principal.client_id)
        prepared = self._prepare(principal, wallet, priced, payload)
        if offer is not None:
            return self._taken_to(prepared, offer, wallet)
        if spec.max_price is None and principal.budget_id is not None:
            return await self._within_budget(prepared, wallet, priced, payload)
        return prepared

    async def _open_offer(self, spec: JobSpec) -> Row[tuple[object, ...]]:
        core, offer_id = self._core, bytes.fromhex(spec.offer_id)
        wanted, now_ms = Wanted.of_spec(spec, 0), core.moments.clock_ms()
        return await core.database.read(
            lambda c: open_offer(c, core.registry, offer_id, wanted, now_ms)
        )

    async def _within_budget(
        self, prepared: _Prepared, wallet: KeyPair, spec: JobSpec, payload: bytes
    ) -> _Prepared:
        """Lower a default price to what the key may still spend (P1)."""
        principal, requested_ms = prepared.principal, prepared.job.requested_ms
        assert principal.budget_id is not None
        budget_id = principal.budget_id
        standing = await self._core.database.read(lambda c: standing_of(c, budget_id, requested_ms))
        price = standing.left - prepared.job.fee
        if price < 1 or prepared.needed <= standing.left:
            # `_store` refuses the former.
            return prepared
        return self._prepare(principal, wallet, replace(spec, max_price=price), payload)

    def _prepare(
        self, principal: Principal, wallet: KeyPair, spec: JobSpec, payload: bytes
    ) -> _Prepared:
        core, moment = self._core, self._core.moments.now()
        blind = core.random_bytes(documents.BLIND_BYTES)
        requested_ms = moment.now_ms // 1_000 * 1_000
        assert spec.max_price is not None
        action = SubmitJob(
            coordinator=core.config.account_key.address,
            service=spec.service,
            payload_digest=documents.payload_digest(core.chain.tags, blind, payload),
            max_price=spec.max_price,
            start_by_ms=terms.deadline_of(requested_ms, spec),
            deadline_ms=terms.deadline_of(requested_ms, spec),
            dispute_ms=terms.window_of(spec, moment.parameters.dispute_max_ms),
            streamed=False,
            verification=Verification.NONE,
        )
        # An escrow that comes after the deadline is of no use to anybody.
        left_ms = max(0, action.deadline_ms - moment.chain_ms)
        validity_ms = min(core.config.timings.transaction_validity_ms, left_ms)
        signed = core.signer.sign(moment, wallet, action, validity_ms)
        job = store.NewJob(
            job_id=signed.transaction_id,
            client_id=principal.client_id,
            key_id=None if principal.is_demo else principal.key_id,
            client=wallet.address,
            spec=spec,
            terms=action,
            fee=signed.fee,
            payload=payload,
            blind=blind,
            requested_ms=requested_ms,
            payload_expires_ms=action.deadline_ms + core.config.timings.result_retention_ms,
        )
        return _Prepared(job, signed, principal)

    def _taken_to(
        self, prepared: _Prepared, offer: Row[tuple[object, ...]], wallet: KeyPair
    ) -> _Prepared:
        """Return the job with the signed acceptance of an offer, and its fee."""
        core, job = self._core, prepared.job
        deal = Deal(job.job_id, 1, job.terms.deadline_ms, offer, wallet)
        validity_ms = core.config.timings.transaction_validity_ms
        acceptance = sign_acceptance(core.signer, core.moments.now(), deal, validity_ms)
        job = replace(job, fee=job.fee + acceptance.fee)
        return replace(prepared, job=job, deal=deal, acceptance=acceptance)

    def _store(
        self,
        connection: Connection,
        prepared: _Prepared,
        now_ms: TimestampMs,
        once: Claim | None,
    ) -> None:
        job = prepared.job
        self._open_jobs.add(connection, job.client_id)
        check_budget(connection, prepared.principal, prepared.needed, job.requested_ms)
        store.insert_job(connection, job)
        outbox.add(
            connection,
            f"submit:{job.job_id.hex()}",
            prepared.signed,
            now_ms,
            job_id=job.job_id,
        )
        if prepared.deal is not None:
            # Stored with the escrow: both are sent, or none.
            assert prepared.acceptance is not None
            offer, wanted = prepared.deal.offer, Wanted.of_spec(job.spec, job.terms.max_price)
            take_slot(connection, self._core.registry, offer, wanted, now_ms)
            bind(connection, prepared.deal, prepared.acceptance, now_ms)
        if once is not None:
            once.note(connection, job.job_id.hex())


def _forget(connection: Connection, job_id: Hash, once: Claim | None) -> None:
    # The node refused the bytes at once, and nobody else has seen them: they are in no pool.
    outbox.forget(connection, job_id)
    unbind(connection, job_id)
    store.delete_job(connection, job_id)
    if once is not None:
        once.forget(connection)


def _refusal(outcome: SubmitOutcome, needed: int, spendable: int) -> Exception:
    if outcome.code == InsufficientBalance.code:
        return InsufficientBalance(needed, spendable)
    if outcome.status is TransactionStatus.FULL:
        return Unavailable("The transaction pool is full", 2)
    return Unavailable(f"The chain refuses the escrow: {outcome.code}", 5)
