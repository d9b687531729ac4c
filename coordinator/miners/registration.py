"""Registering a miner: row, sponsored fee, signed declaration, final (M1, T6)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from coordinator.clients.model import Principal
from coordinator.core import Core
from coordinator.errors import TransactionInvalid, Unavailable
from coordinator.miners import store
from coordinator.miners.capabilities import digest_of_document, document_of, read_document
from coordinator.miners.declarations import check_declaration, decode_signed
from coordinator.miners.entry import Entry
from coordinator.miners.model import MinerRegistration
from coordinator.miners.names import check_name
from coordinator.miners.sponsoring import Sponsor
from coordinator.moment import Moment
from coordinator.outbox import OutboxState, SignedBytes, next_of
from coordinator.outbox import store as outbox
from coordinator.ports import TransactionStatus
from coordinator.wallets.store import get_key
from ledger.actions import Custody, RegisterMiner, UpdateMiner
from ledger.keys import address_of
from ledger.records import Miner
from ledger.types import Address, Amount, Hash

_ROUNDS_MAX: Final = 3
"""An older declaration may be under way when a newer one comes."""

_POINTER: Final = "/own_key/transaction"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the chain shall hold of a miner."""

    registration: MinerRegistration
    address: Address
    digest: Hash
    floor: Amount

    def is_met_by(self, standing: Miner | None) -> bool:
        """Return whether the chain holds it already."""
        return (
            standing is not None
            and standing.capabilities_digest == self.digest
            and standing.price_floor == self.floor
        )


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the chain holds of a miner instead."""

    miner: Miner | None
    """None: it is not registered."""


class Registration:
    """Registers miners."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core
        self._sponsor = Sponsor(core)

    async def register(self, principal: Principal, registration: MinerRegistration) -> None:
        """Bring a miner's declaration to the chain; returns when it is final.

        A challenge, where there is an own key, has been checked by the caller.

        Raises:
            MinerNameInvalid, InvalidRequest: name or capabilities cannot be taken.
            MinerAlreadyRegistered: the name is held by another owner or key.
            TransactionInvalid: the signed registration says something else than the body.
            SponsorshipExhausted: the owner's sponsored fees are used up.
            Unavailable: not final in time; repeat.
        """
        check_name(registration.name)
        document = document_of(registration)
        read_document(document, self._core.registry)
        own_key = registration.own_key
        entry = Entry(
            client_id=principal.client_id,
            name=registration.name,
            own_address=None if own_key is None else address_of(own_key.public_key),
            document=document,
            held_by=self._core.chain.miner_address(registration.name),
        )
        vault, now_ms = self._core.vault, self._core.moments.clock_ms()
        address = await self._core.database.write(lambda c: entry.store(c, vault, now_ms))
        digest = digest_of_document(document)
        await self._declare(
            principal, _Wanted(registration, address, digest, registration.price or 0)
        )
        await self._core.follower.catch_up()
        await self._core.database.write(lambda c: store.activate(c, registration.name, document))

    async def _declare(self, principal: Principal, wanted: _Wanted) -> None:
        chain, address = self._core.chain, wanted.address

        def lacking() -> _Standing | None:
            standing = chain.miner(address)
            return None if wanted.is_met_by(standing) else _Standing(standing)

        async def declare(intent: str, standing: _Standing) -> bool:
            signed = await self._signed(wanted, standing.miner)
            if await self._core.database.read(lambda c: outbox.find(c, intent)) is None:
                # The fee of one that stands already was covered for it.
                await self._sponsor.cover(principal.client_id, address, signed.fee)
            await self._submit(intent, signed, is_own=wanted.registration.own_key is not None)
            return True

        series = f"declare:{address.hex()}:"
        for _ in range(_ROUNDS_MAX):
            if await next_of(self._core.database, series, lacking, declare) is None:
                return
        raise Unavailable("The registration changed while it was being made")

    async def _signed(self, wanted: _Wanted, standing: Miner | None) -> SignedBytes:
        if wanted.registration.own_key is not None:
            return self._check_own(wanted, standing)
        moment = self._core.moments.now()
        return await self._core.database.read(
            lambda c: self._sign_managed(c, moment, wanted, standing)
        )

    def _sign_managed(
        self, connection: Connection, moment: Moment, wanted: _Wanted, standing: Miner | None
    ) -> SignedBytes:
        key = get_key(connection, self._core.vault, wanted.address)
        action: RegisterMiner | UpdateMiner
        if standing is None:
            action = RegisterMiner(
                name=wanted.registration.name,
                capabilities_digest=wanted.digest,
                price_floor=wanted.floor,
                bond=0,
                custody=Custody.MANAGED,
            )
        else:
            action = UpdateMiner(capabilities_digest=wanted.digest, price_floor=wanted.floor)
        validity_ms = self._core.config.timings.transaction_validity_ms
        return self._core.signer.sign(moment, key, action, validity_ms)

    def _check_own(self, wanted: _Wanted, standing: Miner | None) -> SignedBytes:
        chain, own_key = self._core.chain, wanted.registration.own_key
        assert own_key is not None
        signed = decode_signed(chain.tags, chain.chain_id, own_key.transaction)
        check_declaration(signed, wanted.registration, wanted.digest, standing, chain.parameters())
        return self._core.signer.describe(signed)

    async def _submit(self, intent: str, signed: SignedBytes, *, is_own: bool) -> None:
        core = self._core
        sent = await core.database.write(_storing(intent, signed, core.moments.now()))
        # If the node refuses the bytes at once, nobody else has seen them.
        outcome = await core.courier.send(
            sent, lambda c: outbox.forget(c, sent), keeps_if_full=True
        )
        if outcome.status is TransactionStatus.REJECTED:
            message = f"the chain refuses it: {outcome.code}: {outcome.detail}"
            raise (TransactionInvalid.at(_POINTER, message) if is_own else Unavailable(message))
        state = await core.courier.wait(sent, core.config.timings.final_wait_s)
        if state is OutboxState.PENDING:
            raise Unavailable("The registration is not final yet")
        if state is not OutboxState.FINAL and is_own:
            raise TransactionInvalid.at(_POINTER, "is out of time: sign a new one")


def _storing(intent: str, signed: SignedBytes, moment: Moment) -> Callable[[Connection], Hash]:
    def store_it(connection: Connection) -> Hash:
        known = outbox.get(connection, signed.transaction_id)
        if known is not None:
            return known.transaction_id
        return outbox.ensure(connection, intent, lambda: signed, moment.now_ms)

    return store_it
