"""The keys of a client: made, listed, followed by others, revoked.

Nobody gives more than they have: a key makes and rotates keys of at most its own scopes, that last
no longer than itself, and that spend from its own budget if it has one.
"""

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from coordinator.clients import store
from coordinator.clients.budgets import insert_budget, spend_of_key, standing_of
from coordinator.clients.errors import KeyEnded, LastAdminKey
from coordinator.clients.keys import KeyText, new_key
from coordinator.clients.known_keys import KnownKeys
from coordinator.clients.model import Budget, IssuedKey, KeyUsage, KeyView, Principal, Scope
from coordinator.clients.usage import UsageCounts, usage_of
from coordinator.core import Core
from coordinator.errors import Conflict, Forbidden, InvalidRequest, NotFound
from coordinator.values import ApiVersion
from ledger.types import TimestampMs

LABEL_LENGTH_MAX: Final = 100

USUAL_SCOPES: Final = frozenset({Scope.CLIENT, Scope.MINER, Scope.READ})
"""Scopes of a key unless others are asked for."""

FIRST_SCOPES: Final = USUAL_SCOPES | {Scope.WALLET}
"""Scopes of a client's first key: with no other could it ever give the right to send units (K3)."""

OVERLAP_S_DEFAULT: Final = 86_400
"""How long a rotated key goes on working unless something else is asked for."""

OVERLAP_S_MAX: Final = 30 * 86_400
"""Longest overlap of a key and its successor."""

_BUDGET_ID_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a key shall be."""

    label: str = ""
    """What the client calls it."""
    scopes: frozenset[Scope] = USUAL_SCOPES
    """What it allows."""
    expires_ms: TimestampMs | None = None
    """When it ends; None for never, or for when the key that makes it does."""
    version_pin: ApiVersion | None = None
    """API version of requests that name none (V1)."""
    budget: Budget | None = None
    """What it may spend; None for whatever the key that makes it may."""


class KeyRing:
    """Makes and ends keys."""

    def __init__(self, core: Core, known: KnownKeys, usage: UsageCounts) -> None:
        """Stand on the core; whatever changes a key goes through `known`."""
        self._core = core
        self._known = known
        self._usage = usage

    async def issue(self, principal: Principal, wish: KeyWish) -> IssuedKey:
        """Make another key of the caller.

        Raises:
            Forbidden: it would allow more than the caller's own key does.
            InvalidRequest: the label is longer than 100 characters, or the key would have ended.
            Conflict: the caller has as many keys as one client may.
        """
        check_label(wish.label)
        if wish.expires_ms is not None and wish.expires_ms <= self._core.moments.clock_ms():
            raise InvalidRequest.at("/expires_at", "must be later than now", "PAST")
        if not wish.scopes <= principal.scopes:
            raise Forbidden("A key cannot give scopes that it does not have")
        if principal.budget_id is not None and wish.budget is not None:
            raise Forbidden("The keys that a key with a budget makes share that budget")
        ends = [end for end in (wish.expires_ms, principal.expires_ms) if end is not None]
        text, key = self.draft(wish)
        key = replace(key, expires_ms=min(ends, default=None))
        if principal.budget_id is not None:
            key = replace(key, budget_id=principal.budget_id)
        await self._core.database.write(lambda c: self.keep(c, principal.client_id, text, key))
        return IssuedKey(text.text, key)

    def draft(self, wish: KeyWish) -> tuple[KeyText, KeyView]:
        """Return a new key that is not stored, and what it is."""
        random_bytes = self._core.random_bytes
        text = new_key(random_bytes)
        budget_id = (
            None if wish.budget is None else f"budget_{random_bytes(_BUDGET_ID_BYTES).hex()}"
        )
        return text, KeyView(
            key_id=text.key_id,
            label=wish.label,
            scopes=wish.scopes,
            created_ms=self._core.moments.clock_ms(),
            expires_ms=wish.expires_ms,
            is_revoked=False,
            version_pin=wish.version_pin,
            budget=wish.budget,
            budget_id=budget_id,
        )

    def keep(self, connection: Connection, client_id: str, text: KeyText, key: KeyView) -> None:
        """Store a key, and its budget if that is a new one.

        Raises:
            Conflict: the client has as many keys as one may.
        """
        working = store.count_working(connection, client_id, key.created_ms)
        if working >= store.KEYS_PER_CLIENT_MAX:
            raise Conflict(f"A client has at most {store.KEYS_PER_CLIENT_MAX} keys that work")
        if key.budget is not None and key.budget_id is not None:
            insert_budget(connection, key.budget_id, key.budget)
        store.insert_key(connection, client_id, text, key)

    async def list(
        self,
        principal: Principal,
        limit: int = store.KEYS_PER_CLIENT_MAX,
        after: store.KeyPlace | None = None,
    ) -> tuple[list[KeyView], store.KeyPlace | None]:
        """Return keys of the caller, those that work first and the newest of them first.

        Args:
            principal: the caller.
            limit: most keys.
            after: place that the page before ended at.

        Returns:
            The keys, and the place of the last one if more follow.
        """
        now_ms, client_id = self._core.moments.clock_ms(), principal.client_id
        # One more than asked for tells whether there are more.
        found = await self._core.database.read(
            lambda c: store.keys_of(c, client_id, now_ms=now_ms, limit=limit + 1, after=after)
        )
        shown = found[:limit]
        has_more = len(found) > limit
        return shown, store.place_of(shown[-1], now_ms) if has_more else None

    async def rotate(self, principal: Principal, key_id: str, overlap_s: int) -> IssuedKey:
        """Make the successor of a key: the same rights, end, budget and limits, and another text.

        Args:
            principal: the caller.
            key_id: key that is followed; it works on for the overlap.
            overlap_s: seconds, 0 to `OVERLAP_S_MAX`.

        Raises:
            NotFound: the caller has no such key.
            Forbidden: that key allows more than the caller's own.
            KeyEnded: it does not work any more.
            Conflict: the caller has as many keys as one client may.
        """
        now_ms = self._core.moments.clock_ms()

        def follow(connection: Connection) -> IssuedKey:
            old = _key_of(connection, principal, key_id)
            _check_no_more(principal, old)
            if old.is_revoked or (old.expires_ms is not None and old.expires_ms <= now_ms):
                raise KeyEnded("The key does not work any more: make another one")
            wish = KeyWish(old.label, old.scopes, old.expires_ms, old.version_pin)
            text, drafted = self.draft(wish)
            # The budget is the old key's, so that rotating does not fill it up.
            self.keep(
                connection, principal.client_id, text, replace(drafted, budget_id=old.budget_id)
            )
            store.copy_quotas(connection, key_id, text.key_id)
            store.end_key(connection, key_id, now_ms + overlap_s * 1_000)
            return IssuedKey(
                text.text, replace(drafted, budget=old.budget, budget_id=old.budget_id)
            )

        return await self._known.change(follow)

    async def revoke(self, principal: Principal, key_id: str) -> None:
        """Revoke a key of the caller, at once; revoking again changes nothing.

        Raises:
            NotFound: the caller has no such key.
            Forbidden: that key allows more than the caller's own.
            LastAdminKey: without it nobody could operate the coordinator.
        """
        now_ms = self._core.moments.clock_ms()

        def end(connection: Connection) -> None:
            key = _key_of(connection, principal, key_id)
            _check_no_more(principal, key)
            is_last = Scope.ADMIN in key.scopes and not store.has_lasting_admin_key(
                connection, besides=key_id
            )
            if is_last and not key.is_revoked:
                raise LastAdminKey("This is the last lasting admin key: make another one first")
            store.revoke(connection, key_id, now_ms)

        await self._known.change(end)

    async def usage(self, principal: Principal, key_id: str) -> KeyUsage:
        """Return what a key of the caller was used for.

        Raises:
            NotFound: the caller has no such key.
        """
        await self._usage.flush()
        now_ms = self._core.moments.clock_ms()

        def read(connection: Connection) -> KeyUsage:
            key = _key_of(connection, principal, key_id)
            requests, last_used_ms = usage_of(connection, key_id)
            standing = (
                None if key.budget_id is None else standing_of(connection, key.budget_id, now_ms)
            )
            spend = spend_of_key(connection, key_id)
            return KeyUsage(key, requests, last_used_ms, spend, standing)

        return await self._core.database.read(read)


def check_label(label: str) -> None:
    """Check the name of a client or key.

    Raises:
        InvalidRequest: it is longer than 100 characters.
    """
    if len(label) > LABEL_LENGTH_MAX:
        raise InvalidRequest.at("/label", f"at most {LABEL_LENGTH_MAX} characters", "TOO_LONG")


def _key_of(connection: Connection, principal: Principal, key_id: str) -> KeyView:
    key = store.key_of(connection, principal.client_id, key_id)
    if key is None:
        raise NotFound("Key not found")
    return key


def _check_no_more(principal: Principal, key: KeyView) -> None:
    """Check that a key allows no more than the one that ends or follows it.

    Raises:
        Forbidden: it does.
    """
    if principal.key_id == key.key_id:
        return
    has_more = not key.scopes <= principal.scopes or (
        principal.budget_id is not None and principal.budget_id != key.budget_id
    )
    if principal.expires_ms is not None:
        has_more |= key.expires_ms is None or key.expires_ms > principal.expires_ms
    if has_more:
        raise Forbidden("That key allows more than yours: use one that allows as much")
