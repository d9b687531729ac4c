"""Clients and their API keys."""

import hmac
from typing import Final

import structlog
from sqlalchemy import Connection

from coordinator.clients import store
from coordinator.clients.demo import DEMO_KEYS, DEMO_PRINCIPAL
from coordinator.clients.keys import KeyText, new_key, parse_key
from coordinator.clients.model import ClientView, IssuedKey, KeyView, Principal, Scope
from coordinator.core import Core
from coordinator.errors import (
    Conflict,
    Forbidden,
    InvalidApiKey,
    InvalidRequest,
    NotFound,
    Unauthenticated,
)
from coordinator.jobs.store import reserved
from coordinator.outbox import OutboxState
from coordinator.values import ApiVersion
from coordinator.wallets.store import create
from ledger.types import Address, Hash, TimestampMs

_log = structlog.get_logger("coordinator.clients")

LABEL_LENGTH_MAX: Final = 100

FIRST_SCOPES: Final = frozenset({Scope.CLIENT, Scope.MINER, Scope.READ})
"""Scopes of a client's first key."""

_ID_BYTES: Final = 12


class ClientService:
    """Who may call."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core
        self._database = core.database

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
        row = None if key is None else await self._read_key(key.key_id)
        if key is None or row is None or not hmac.compare_digest(row.digest, key.digest):
            raise InvalidApiKey(_INVALID_KEY)
        now_ms = self._core.moments.clock_ms()
        if row.revoked_ms is not None or (row.expires_ms is not None and row.expires_ms <= now_ms):
            raise InvalidApiKey(_INVALID_KEY)
        return Principal(row.client_id, store.scopes_of(row.scopes), row.key_id, row.version_pin)

    async def register(self, label: str) -> tuple[ClientView, IssuedKey]:
        """Make a client with a managed wallet and a first key of scopes client, miner and read.

        On a devnet the faucet funds the wallet, and the answer comes when that is final.

        Raises:
            InvalidRequest: the label is longer than 100 characters.
        """
        _check_label(label)
        client_id = f"client_{self._core.random_bytes(_ID_BYTES).hex()}"
        await self._make_client(client_id, label)
        issued = await self._issue(client_id, "", FIRST_SCOPES)
        return await self._view(client_id), issued

    async def ensure_demo(self) -> None:
        """Make the devnet's demo identity if it is not there; fill its wallet when it is low."""
        client_id = DEMO_PRINCIPAL.client_id
        row = await self._database.read(lambda c: store.find_client(c, client_id))
        if row is None:
            await self._make_client(client_id, "demo")
            return
        faucet = self._core.faucet
        if faucet is not None and self._core.chain.balance(row.address) < faucet.amount // 2:
            await self._fund(row.address)

    async def view(self, principal: Principal) -> ClientView:
        """Return the caller with its balance."""
        return await self._view(principal.client_id)

    async def issue_key(
        self,
        principal: Principal,
        *,
        label: str = "",
        scopes: frozenset[Scope] = FIRST_SCOPES,
        expires_ms: TimestampMs | None = None,
        version_pin: ApiVersion | None = None,
    ) -> IssuedKey:
        """Make another key of the caller with at most the caller's scopes.

        Args:
            principal: the caller.
            label: what the client calls the key.
            scopes: what it allows.
            expires_ms: when it ends; None for never.
            version_pin: API version of requests that name none (V1).

        Raises:
            Forbidden: a scope that the caller does not have.
            InvalidRequest: the label is longer than 100 characters.
            Conflict: the caller has as many keys as one client may.
        """
        _check_label(label)
        if not scopes <= principal.scopes:
            raise Forbidden("A key cannot give scopes that it does not have")
        return await self._issue(principal.client_id, label, scopes, expires_ms, version_pin)

    async def keys(self, principal: Principal) -> list[KeyView]:
        """Return the caller's keys, newest first."""
        return await self._database.read(lambda c: store.keys_of(c, principal.client_id))

    async def revoke_key(self, principal: Principal, key_id: str) -> None:
        """Revoke a key of the caller; revoking again changes nothing.

        Raises:
            NotFound: the caller has no such key.
        """
        now_ms = self._core.moments.clock_ms()
        if not await self._database.write(
            lambda c: store.revoke(c, principal.client_id, key_id, now_ms)
        ):
            raise NotFound("Key not found")

    async def _read_key(self, key_id: str) -> "store.AnyRow | None":
        return await self._database.read(lambda c: store.find_key(c, key_id))

    async def _make_client(self, client_id: str, label: str) -> None:
        core, moment = self._core, self._core.moments.now()

        def make(connection: Connection) -> Hash | None:
            key = create(connection, core.vault, client_id, moment.now_ms)
            store.insert_client(connection, client_id, label, key.address, moment.now_ms)
            if core.faucet is None:
                return None
            return core.faucet.fund(connection, moment, key.address)

        await self._await_funds(await self._database.write(make))

    async def _fund(self, address: Address) -> None:
        faucet, moment = self._core.faucet, self._core.moments.now()
        assert faucet is not None
        await self._await_funds(
            await self._database.write(lambda c: faucet.fund(c, moment, address))
        )

    async def _await_funds(self, transaction_id: Hash | None) -> None:
        if transaction_id is None:
            return
        wait_s = self._core.config.timings.final_wait_s
        state = await self._core.courier.send_and_wait(transaction_id, wait_s)
        if state is not OutboxState.FINAL:
            _log.warning("funds are not final yet", transaction_id=transaction_id.hex())

    async def _issue(
        self,
        client_id: str,
        label: str,
        scopes: frozenset[Scope],
        expires_ms: TimestampMs | None = None,
        version_pin: ApiVersion | None = None,
    ) -> IssuedKey:
        text = new_key(self._core.random_bytes)
        key = KeyView(
            key_id=text.key_id,
            label=label,
            scopes=scopes,
            created_ms=self._core.moments.clock_ms(),
            expires_ms=expires_ms,
            is_revoked=False,
            version_pin=version_pin,
        )
        await self._database.write(lambda c: _insert_key(c, client_id, text, key))
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


def _check_label(label: str) -> None:
    if len(label) > LABEL_LENGTH_MAX:
        raise InvalidRequest.at("/label", f"at most {LABEL_LENGTH_MAX} characters", "TOO_LONG")


def _insert_key(connection: Connection, client_id: str, text: KeyText, key: KeyView) -> None:
    if len(store.keys_of(connection, client_id)) >= store.KEYS_PER_CLIENT_MAX:
        raise Conflict(f"A client has at most {store.KEYS_PER_CLIENT_MAX} keys")
    store.insert_key(connection, client_id, text, key)
