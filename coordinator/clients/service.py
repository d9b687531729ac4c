"""Clients and their API keys."""

import asyncio
import hmac
from collections.abc import Mapping
from typing import Final

import structlog
from sqlalchemy import Connection

from coordinator.clients import store
from coordinator.clients.demo import DEMO_KEYS, DEMO_PRINCIPAL
from coordinator.clients.key_ring import FIRST_SCOPES, KeyRing, KeyWish, check_label
from coordinator.clients.keys import KeyText, parse_key
from coordinator.clients.known_keys import KnownKey, KnownKeys
from coordinator.clients.model import ClientView, IssuedKey, Principal
from coordinator.clients.operator import OPERATOR_ID, OPERATOR_WISH, write_key_file
from coordinator.clients.usage import UsageCounts
from coordinator.core import Core
from coordinator.errors import InvalidApiKey, Unauthenticated
from coordinator.jobs.store import reserved
from coordinator.moment import Moment
from coordinator.outbox import OutboxState, next_of
from coordinator.wallets import Faucet
from coordinator.wallets.store import create
from ledger.types import Address, Hash

_log = structlog.get_logger("coordinator.clients")

_ID_BYTES: Final = 12


class ClientService:
    """Who may call."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core
        self._database = core.database
        self.usage = UsageCounts(core.database)
        """Requests of keys; to be flushed now and then."""
        self._known = KnownKeys(core.database)
        self.keys = KeyRing(core, self._known, self.usage)
        """Keys of clients."""

    async def authenticate(self, key_text: str | None) -> Principal:
        """Return who the caller is.

        Args:
            key_text: what came in the header; None if nothing did.

        Raises:
            Unauthenticated: no key, and this is no devnet (A2).
            InvalidApiKey: a key that is not valid, on a devnet too.
        """
        is_devnet = self._core.config.is_devnet
        if key_text is None:
            if is_devnet:
                return DEMO_PRINCIPAL
            raise Unauthenticated("Send an API key in the X-Api-Key header")
        if is_devnet and key_text in DEMO_KEYS:
            return DEMO_PRINCIPAL
        key = parse_key(key_text)
        known = None if key is None else await self._known.find(key.key_id)
        if key is None or known is None:
            raise InvalidApiKey(_INVALID_KEY)
        return self._proven(key, known)

    def remembered(self, key_text: str) -> Principal | None:
        """Return who the caller is if the key was read before; None asks for `authenticate`.

        Raises:
            InvalidApiKey: as of `authenticate`.
        """
        key = parse_key(key_text)
        known = None if key is None else self._known.remembered(key.key_id)
        return None if key is None or known is None else self._proven(key, known)

    def _proven(self, key: KeyText, known: KnownKey) -> Principal:
        """Return whom a key identifies, whose public part is known."""
        if not hmac.compare_digest(known.digest, key.digest):
            raise InvalidApiKey(_INVALID_KEY)
        now_ms = self._core.moments.clock_ms()
        if not known.works(now_ms):
            raise InvalidApiKey(_INVALID_KEY)
        self.usage.note(key.key_id, now_ms)
        return known.principal

    async def set_quotas(self, key_id: str, quotas: Mapping[str, int]) -> bool:
        """Give a key limits of its own, from its next request on; return whether there is such."""
        return await self._known.change(lambda c: store.set_quotas(c, key_id, quotas))

    async def register(self, label: str) -> tuple[ClientView, IssuedKey]:
        """Make a client with a managed wallet and a first key that may do all that a client may.

        On a devnet the faucet funds the wallet, and the answer comes when that is final.

        Raises:
            InvalidRequest: the label is longer than 100 characters.
        """
        check_label(label)
        client_id = f"client_{self._core.random_bytes(_ID_BYTES).hex()}"
        await self._make_client(client_id, label)
        issued = await self._issue(client_id)
        return await self._view(client_id), issued

    async def ensure_demo(self) -> None:
        """Make the devnet's demo identity if it is not there; fill its wallet when it is low."""
        client_id = DEMO_PRINCIPAL.client_id
        row = await self._database.read(lambda c: store.find_client(c, client_id))
        if row is None:
            await self._make_client(client_id, "demo")
            return
        if self._core.faucet is not None:
            await self._fill(self._core.faucet, row.address)

    async def view(self, principal: Principal) -> ClientView:
        """Return the caller with its balance."""
        return await self._view(principal.client_id)

    async def ensure_operator(self) -> None:
        """Make the operator's client and its admin key, unless the key's file is there.

        The file is beside the wrapping key, readable by the node's user only. Whoever deletes it
        and starts the node gets a new one, and the key of the old one is revoked.
        """
        path = self._core.config.operator_key_path
        if path.exists():
            return
        text, key = self.keys.draft(OPERATOR_WISH)
        # First the file: a key in the database whose text nobody has would be of no use.
        await asyncio.to_thread(write_key_file, path, text.text)
        now_ms = key.created_ms

        def make(connection: Connection) -> None:
            if store.find_client(connection, OPERATOR_ID) is None:
                wallet = create(connection, self._core.vault, OPERATOR_ID, now_ms)
                store.insert_client(
                    connection, OPERATOR_ID, OPERATOR_WISH.label, wallet.address, now_ms
                )
            store.revoke_labelled(connection, OPERATOR_ID, OPERATOR_WISH.label, now_ms)
            # However many keys the operator made: without this one nobody could end them.
            store.insert_key(connection, OPERATOR_ID, text, key)

        await self._known.change(make)

    async def _make_client(self, client_id: str, label: str) -> None:
        core, moment = self._core, self._core.moments.now()

        def make(connection: Connection) -> Hash | None:
            key = create(connection, core.vault, client_id, moment.now_ms)
            store.insert_client(connection, client_id, label, key.address, moment.now_ms)
            if core.faucet is None:
                return None
            return core.faucet.fund(connection, moment, key.address)

        await self._await_funds(await self._database.write(make))

    async def _fill(self, faucet: Faucet, address: Address) -> None:
        """Fund a wallet again when less than half of what it began with is left."""
        core = self._core

        def lacking() -> Moment | None:
            is_low = core.chain.balance(address) < faucet.amount // 2
            return core.moments.now() if is_low else None

        async def store_one(intent: str, moment: Moment) -> Hash:
            return await core.database.write(lambda c: faucet.fund(c, moment, address, intent))

        series = faucet.series(address)
        await self._await_funds(await next_of(core.database, series, lacking, store_one))

    async def _await_funds(self, transaction_id: Hash | None) -> None:
        if transaction_id is None:
            return
        wait_s = self._core.config.timings.final_wait_s
        state = await self._core.courier.send_and_wait(transaction_id, wait_s)
        if state is not OutboxState.FINAL:
            _log.warning("funds are not final yet", transaction_id=transaction_id.hex())

    async def _issue(self, client_id: str) -> IssuedKey:
        text, key = self.keys.draft(KeyWish(scopes=FIRST_SCOPES))
        await self._database.write(lambda c: self.keys.keep(c, client_id, text, key))
        return IssuedKey(text.text, key)

    async def _view(self, client_id: str) -> ClientView:
        def read(connection: Connection) -> tuple[store.AnyRow | None, int]:
            return store.find_client(connection, client_id), reserved(connection, client_id)

        row, in_escrow = await self._database.read(read)
        assert row is not None, "a principal is a client"
        return ClientView(
            client_id=client_id,
            label=row.label,
            address=row.address,
            created_ms=row.created_ms,
            balance=self._core.chain.balance(row.address),
            reserved=in_escrow,
        )


_INVALID_KEY: Final = "The API key is not valid"
