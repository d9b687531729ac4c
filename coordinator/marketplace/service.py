"""The marketplace: miners sell jobs by offers, clients accept them."""

from coordinator.clients.access import require
from coordinator.clients.model import Principal, Scope
from coordinator.core import Core
from coordinator.idempotency import Claim
from coordinator.marketplace.accepting import Accepting
from coordinator.marketplace.errors import OfferNotFound
from coordinator.marketplace.listing import list_offers, offer_view
from coordinator.marketplace.model import Acceptance, OfferPage, OfferView, OfferWish
from coordinator.marketplace.posting import Posting
from ledger.types import Amount, Hash


class MarketplaceService:
    """Offers, and who accepts them."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core
        self._posting = Posting(core)
        self._accepting = Accepting(core)

    async def post(
        self, principal: Principal, wish: OfferWish, once: Claim | None = None
    ) -> OfferView:
        """Make an offer; answers when it is final.

        The coordinator pays the fee of a managed miner that has nothing, as for registrations (M1).

        Raises:
            Forbidden: no scope `miner`, or the miner is another's.
            MinerNotFound: no miner of the name that was given.
            MinerNotRegistered: the key has no miner.
            InvalidRequest: the terms cannot be taken.
            TransactionInvalid: the signed offer says something else than the body.
            TooManyOpenOffers: the miner has as many as it may.
            SponsorshipExhausted: the owner's sponsored fees are used up.
            Unavailable: not final in time; repeat.
        """
        require(principal, Scope.MINER)
        return await self.get(await self._posting.post(principal, wish, once))

    async def withdraw(
        self, principal: Principal, offer_id: Hash, transaction: bytes | None = None
    ) -> OfferView:
        """Take an offer back; answers when that is final, and the same again.

        Jobs that were accepted stay with the miner.

        Raises:
            Forbidden: no scope `miner`, or the offer is another's.
            OfferNotFound: no such offer.
            OfferNotAvailable: it is used up or over.
            TransactionInvalid: a miner with its own key did not sign the withdrawal.
            Unavailable: not final in time; repeat.
        """
        require(principal, Scope.MINER)
        await self._posting.withdraw(principal, offer_id, transaction)
        return await self.get(offer_id)

    async def accept(
        self,
        principal: Principal,
        offer_id: Hash,
        job_id: Hash,
        bid: Amount | None = None,
        once: Claim | None = None,
    ) -> Acceptance:
        """Accept an offer for the caller's queued job (S2).

        The slot is the caller's at once, and the job's own miner then is the offer's; the chain has
        both when the transaction is final. The same again gets the same answer.

        Args:
            principal: the client.
            offer_id: the offer.
            job_id: the job.
            bid: most that the client pays, in nait; the offer's price is what is charged.
            once: the request's key.

        Raises:
            Forbidden: no scope `client`.
            OfferNotFound, JobNotFound: no such offer; no such job of the caller.
            OfferNotAvailable: no slot is left, or the offer is over.
            BidTooLow, PriceAboveMaximum: the price is above the bid, or above what is locked.
            OfferForOtherJobs, JobNotForMiner: the offer is for other jobs, or its miner did not
                declare what the job asks for.
            JobAlreadyClaimed, JobAlreadyCompleted, JobAlreadyFinished, JobNotClaimable: the job is
                not queued.
            InsufficientBalance: the wallet does not cover the transaction's fee.
            Unavailable: the escrow is not final yet, or the pool is full; repeat.
        """
        require(principal, Scope.CLIENT)
        return await self._accepting.accept(principal, offer_id, job_id, bid, once)

    async def get(self, offer_id: Hash) -> OfferView:
        """Return an offer.

        Raises:
            OfferNotFound: no such offer.
        """
        now_ms = self._core.moments.clock_ms()
        found = await self._core.database.read(lambda c: offer_view(c, offer_id, now_ms))
        if found is None:
            raise OfferNotFound
        return found

    async def list(
        self,
        *,
        job_type: str | None = None,
        max_price: Amount | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> OfferPage:
        """Return open offers, the cheapest first.

        Raises:
            InvalidRequest: the cursor is none of this list.
        """
        now_ms = self._core.moments.clock_ms()
        return await self._core.database.read(
            lambda c: list_offers(
                c,
                job_type=job_type,
                max_price=max_price,
                now_ms=now_ms,
                limit=limit,
                cursor=cursor,
            )
        )
