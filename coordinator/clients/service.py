"""Clients and their API keys."""

from coordinator.clients.model import ClientView, IssuedKey, KeyView, Principal, Scope


class ClientService:
    """Who may call."""

    async def authenticate(self, key_text: str | None) -> Principal:
        """Return who the caller is.

        Args:
            key_text: what came in the header; None if nothing did.

        Raises:
            Unauthenticated: no key, and this is no devnet (A2).
            InvalidApiKey: a key that is not valid, on a devnet too.
        """
        raise NotImplementedError

    async def register(self, label: str) -> tuple[ClientView, IssuedKey]:
        """Make a client with a managed wallet and a first key of scopes client, miner and read.

        Raises:
            InvalidRequest: the label is longer than 100 characters.
        """
        raise NotImplementedError

    async def view(self, principal: Principal) -> ClientView:
        """Return the caller with its balance."""
        raise NotImplementedError

    async def issue_key(
        self,
        principal: Principal,
        *,
        label: str = "",
        scopes: frozenset[Scope] = frozenset({Scope.CLIENT, Scope.MINER, Scope.READ}),
        expires_ms: int | None = None,
    ) -> IssuedKey:
        """Make another key of the caller with at most the caller's scopes.

        Raises:
            Forbidden: a scope that the caller does not have.
        """
        raise NotImplementedError

    async def keys(self, principal: Principal) -> list[KeyView]:
        """Return the caller's keys, newest first."""
        raise NotImplementedError

    async def revoke_key(self, principal: Principal, key_id: str) -> None:
        """Revoke a key of the caller; revoking again changes nothing.

        Raises:
            NotFound: the caller has no such key.
        """
        raise NotImplementedError
