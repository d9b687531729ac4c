"""Making offers and taking them back: signed by the miner's key, answered when final (J30)."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

import rfc8785
from sqlalchemy import Connection, func, select

from coordinator.clients.model import Principal
from coordinator.core import Core
from coordinator.database.tables import miners
from coordinator.errors import (
    Forbidden,
    InvalidRequest,
    MinerNotFound,
    TransactionInvalid,
    Unavailable,
    aitbc_text,
)
from coordinator.idempotency import Claim
from coordinator.marketplace import store
from coordinator.marketplace.errors import (
    MinerNotRegistered,
    OfferNotAvailable,
    OfferNotFound,
    TooManyOpenOffers,
)
from coordinator.marketplace.model import REQUIREMENTS_BYTES_MAX, OfferStatus, OfferWish
from coordinator.miners.declarations import decode_signed
from coordinator.miners.sponsoring import Sponsor
from coordinator.miners.store import find_miner
from coordinator.moment import Moment
from coordinator.outbox import OutboxState, SignedBytes
from coordinator.outbox import store as outbox
from coordinator.ports import SubmitOutcome, TransactionStatus
from coordinator.wallets.store import get_key
from ledger.actions import Custody, PostOffer, WithdrawOffer
from ledger.keys import address_of
from ledger.params import OFFERS_PER_MINER_MAX
from ledger.types import Hash, TimestampMs

_POINTER: Final = "/transaction"

_TOO_MANY: Final = (
    f"The miner has {OFFERS_PER_MINER_MAX} open offers, the most there may be: withdraw one"
)

_CLOCKS_APART_MS: Final = 120_000
"""A miner's own clock may give an offer so much more time than it asked for."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An offer that is signed, and not stored."""

    miner: store.AnyRow
    wish: OfferWish
    action: PostOffer
    signed: SignedBytes
    moment: Moment
    once: Claim | None

    @property
    def created_ms(self) -> TimestampMs:
        """When it is made; a whole second."""
        return self.moment.now_ms // 1_000 * 1_000


class Posting:
    """Brings offers to the chain and takes them back."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core
        self._sponsor = Sponsor(core)

    async def post(self, principal: Principal, wish: OfferWish, once: Claim | None) -> Hash:
        """Make an offer; returns its id when it is final. See `MarketplaceService.post`."""
        if once is not None and once.effect is not None:
            offer_id = bytes.fromhex(once.effect)
            await self._until_final(offer_id)
            return offer_id
        core, moment = self._core, self._core.moments.now()
        miner = await core.database.read(lambda c: self._miner(c, principal, wish.miner))
        requirements = rfc8785.dumps(wish.requirements)
        if len(requirements) > REQUIREMENTS_BYTES_MAX:
            message = f"must have at most {REQUIREMENTS_BYTES_MAX} bytes"
            raise InvalidRequest.at("/requirements", message, "TOO_LONG")
        created_ms = moment.now_ms // 1_000 * 1_000
        action = PostOffer(
            service=wish.job_type,
            price=wish.price,
            capacity=wish.max_jobs,
            requirements_digest=hashlib.sha256(requirements).digest(),
            expires_ms=created_ms + wish.duration_s * 1_000,
        )
        if Custody(miner.custody) is Custody.MANAGED:
            await self._check_takeable(miner, action, moment)
            signed = await core.database.read(lambda c: self._sign(c, moment, miner, action))
            await self._sponsor.cover(principal.client_id, miner.address, signed.fee)
        else:
            signed, action = self._check_own(miner, wish.transaction, action)
            # The same bytes, sent again, get the same answer.
            if not await core.database.read(lambda c: outbox.get(c, signed.transaction_id)):
                await self._check_takeable(miner, action, moment)
        prepared = _Prepared(miner, wish, action, signed, moment, once)
        await core.database.write(lambda c: _store(c, prepared))
        outcome = await core.courier.send(
            signed.transaction_id, lambda c: _forget(c, signed.transaction_id, once)
        )
        if outcome.status in (TransactionStatus.REJECTED, TransactionStatus.FULL):
            raise _refusal(outcome, is_own=wish.transaction is not None)
        await self._until_final(signed.transaction_id)
        return signed.transaction_id

    async def _check_takeable(self, miner: store.AnyRow, action: PostOffer, moment: Moment) -> None:
        """Check what the chain would refuse for ever: the pool takes it, and no block does.

        Raises:
            InvalidRequest: the price is below the miner's own (J1).
            TooManyOpenOffers: the miner has as many as it may.
        """
        registered = self._core.chain.miner(miner.address)
        if registered is not None and action.price < registered.price_floor:
            message = (
                f"must be at least {aitbc_text(registered.price_floor)}, the price that the miner "
                "registered with; register it with a lower price first"
            )
            raise InvalidRequest.at("/price", message, "OFFER_BELOW_FLOOR")
        count = await self._core.database.read(
            lambda c: store.count_open(c, miner.address, moment.now_ms)
        )
        if count >= OFFERS_PER_MINER_MAX:
            raise TooManyOpenOffers(_TOO_MANY)

    async def withdraw(
        self, principal: Principal, offer_id: Hash, transaction: bytes | None
    ) -> None:
        """Take an offer back; returns when that is final. See `MarketplaceService.withdraw`."""
        core, moment = self._core, self._core.moments.now()
        offer = await core.database.read(lambda c: store.find_offer(c, offer_id))
        if offer is None or offer.status == OfferStatus.PENDING:
            raise OfferNotFound
        if offer.client_id != principal.client_id:
            raise Forbidden("This offer belongs to another key's owner")
        if offer.status == OfferStatus.WITHDRAWN:
            return
        if offer.status != OfferStatus.ACTIVE:
            raise OfferNotAvailable(f"it is {offer.status}")
        miner = await core.database.read(lambda c: _row_of(c, offer.miner))
        action = WithdrawOffer(offer_id)
        if Custody(miner.custody) is Custody.MANAGED:
            signed = await core.database.read(lambda c: self._sign(c, moment, miner, action))
            await self._sponsor.cover(principal.client_id, miner.address, signed.fee)
        else:
            signed = self._decode(miner, transaction)
            if self._action(transaction) != action:
                raise TransactionInvalid.at(_POINTER, "must withdraw this offer")
        intent = f"withdraw:{offer_id.hex()}"
        sent = await core.database.write(
            lambda c: outbox.ensure(c, intent, lambda: signed, moment.now_ms)
        )
        outcome = await core.courier.send(
            sent, lambda c: outbox.forget(c, sent), keeps_if_full=True
        )
        if outcome.status is TransactionStatus.REJECTED:
            raise OfferNotAvailable("its last job was taken, or its time is over")
        state = await core.courier.wait(sent, core.config.timings.final_wait_s)
        if state is not OutboxState.FINAL:
            raise Unavailable("The withdrawal is not final yet")

    async def _until_final(self, offer_id: Hash) -> None:
        core = self._core
        state = await core.courier.wait(offer_id, core.config.timings.final_wait_s)
        if state is OutboxState.PENDING:
            raise Unavailable("The offer is not final yet")
        if state is not OutboxState.FINAL:
            raise Unavailable("The offer did not come to the chain in time")

    def _miner(
        self, connection: Connection, principal: Principal, name: str | None
    ) -> store.AnyRow:
        """Return the miner that offers.

        Raises:
            MinerNotFound, Forbidden: none of this name, or another's.
            MinerNotRegistered: the key has none.
            InvalidRequest: it has several, and none is named.
        """
        if name is not None:
            row = find_miner(connection, name)
            if row is None or row.document is None:
                raise MinerNotFound
            if row.client_id != principal.client_id:
                raise Forbidden("This miner belongs to another key's owner")
            return row
        mine = (miners.c.client_id == principal.client_id) & miners.c.is_active
        count = connection.execute(select(func.count()).where(mine)).scalar_one()
        if count == 0:
            raise MinerNotRegistered.at("/miner_id", "register a miner first", "REQUIRED")
        if count > 1:
            raise InvalidRequest.at("/miner_id", f"name one of your {count} miners", "REQUIRED")
        return connection.execute(select(miners).where(mine)).one()

    def _sign(
        self,
        connection: Connection,
        moment: Moment,
        miner: store.AnyRow,
        action: PostOffer | WithdrawOffer,
    ) -> SignedBytes:
        key = get_key(connection, self._core.vault, miner.address)
        validity_ms = self._core.config.timings.transaction_validity_ms
        return self._core.signer.sign(moment, key, action, validity_ms)

    def _check_own(
        self, miner: store.AnyRow, transaction: bytes | None, wanted: PostOffer
    ) -> tuple[SignedBytes, PostOffer]:
        """Return the miner's own transaction, and what it offers; it must say what the body says.

        Raises:
            TransactionInvalid: it is missing, or says something else.
        """
        signed = self._decode(miner, transaction)
        action = self._action(transaction)
        if not isinstance(action, PostOffer):
            raise TransactionInvalid.at(_POINTER, "must be post_offer")
        for name in ("service", "price", "capacity", "requirements_digest"):
            found, said = getattr(action, name), getattr(wanted, name)
            if found != said:
                shown = said.hex() if isinstance(said, bytes) else said
                raise TransactionInvalid.at(f"{_POINTER}/{name}", f"must be {shown}")
        if abs(action.expires_ms - wanted.expires_ms) > _CLOCKS_APART_MS:
            message = f"must be about {wanted.expires_ms}: now + duration"
            raise TransactionInvalid.at(f"{_POINTER}/expires_ms", message)
        return signed, action

    def _decode(self, miner: store.AnyRow, transaction: bytes | None) -> SignedBytes:
        if transaction is None:
            raise TransactionInvalid.at(_POINTER, "a miner with its own key signs its offers")
        chain = self._core.chain
        signed = decode_signed(chain.tags, chain.chain_id, transaction)
        if address_of(signed.transaction.sender_public_key) != miner.address:
            raise TransactionInvalid.at(_POINTER, "must be signed by the miner's key")
        return self._core.signer.describe(signed)

    def _action(self, transaction: bytes | None) -> object:
        chain = self._core.chain
        assert transaction is not None, "decoded before"
        return decode_signed(chain.tags, chain.chain_id, transaction).transaction.action


def _store(connection: Connection, prepared: _Prepared) -> None:
    wish, action, signed = prepared.wish, prepared.action, prepared.signed
    if outbox.get(connection, signed.transaction_id) is not None:
        return  # The same bytes of a miner's own, sent again.
    store.insert_offer(
        connection,
        offer_id=signed.transaction_id,
        client_id=prepared.miner.client_id,
        miner=prepared.miner.address,
        job_type=wish.job_type,
        price=wish.price,
        capacity=wish.max_jobs,
        requirements=json.dumps(wish.requirements),
        requirements_digest=action.requirements_digest,
        created_ms=prepared.created_ms,
        expires_ms=action.expires_ms,
        status=OfferStatus.PENDING,
    )
    intent = f"offer:{signed.transaction_id.hex()}"
    outbox.add(connection, intent, signed, prepared.moment.now_ms)
    if prepared.once is not None:
        prepared.once.note(connection, signed.transaction_id.hex())


def _forget(connection: Connection, offer_id: Hash, once: Claim | None) -> None:
    """Leave nothing behind of bytes that the node refused at once, and nobody else has seen."""
    outbox.forget(connection, offer_id)
    store.delete_offer(connection, offer_id)
    if once is not None:
        once.forget(connection)


def _refusal(outcome: SubmitOutcome, *, is_own: bool) -> Exception:
    if outcome.status is TransactionStatus.FULL:
        return Unavailable("The transaction pool is full", 2)
    if outcome.code == "TOO_MANY_OFFERS":
        return TooManyOpenOffers(_TOO_MANY)
    if outcome.code == "OFFER_BELOW_FLOOR":
        message = "is below the price that the miner registered with"
        return InvalidRequest.at("/price", message, outcome.code)
    if is_own:
        return TransactionInvalid.at(_POINTER, f"the chain refuses it: {outcome.detail}")
    return Unavailable(f"The chain refuses the offer: {outcome.code}")


def _row_of(connection: Connection, address: bytes) -> store.AnyRow:
    return connection.execute(select(miners).where(miners.c.address == address)).one()
