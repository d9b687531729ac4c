"""Miners: registration and reading."""

from collections.abc import Sequence

from sqlalchemy import Connection

from coordinator.clients.access import require
from coordinator.clients.model import Principal, Scope
from coordinator.core import Core
from coordinator.errors import InvalidRequest, MinerNotFound
from coordinator.miners import store
from coordinator.miners.challenges import Challenges
from coordinator.miners.model import Challenge, MinerRegistration, MinerView
from coordinator.miners.presence import Presence
from coordinator.miners.registration import Registration
from coordinator.miners.views import view_of
from ledger.errors import KeyInvalid
from ledger.keys import address_of, check_public_key
from ledger.types import PublicKey, TimestampMs


class MinerService:
    """Who may work."""

    def __init__(self, core: Core, presence: Presence) -> None:
        """Stand on the core."""
        self._core = core
        self._presence = presence
        self._registration = Registration(core)
        self._challenges = Challenges(
            core.chain.chain_id,
            core.chain.tags,
            core.config.account_key.address,
            core.random_bytes,
        )

    async def challenge(self, public_key: PublicKey) -> Challenge:
        """Return what a miner with its own key has to sign (T6).

        Raises:
            InvalidRequest: the key is not a usable Ed25519 key.
        """
        try:
            check_public_key(public_key)
        except KeyInvalid as error:
            raise InvalidRequest.at("public_key", str(error), "KEY_INVALID") from None
        chain, moment = self._core.chain, self._core.moments.now()
        nonce, expires_at_ms = self._challenges.make(public_key, moment.now_ms)
        standing = chain.miner(address_of(public_key))
        return Challenge(
            chain_id=chain.chain_id,
            genesis_digest=chain.tags.genesis_digest,
            coordinator=self._core.config.account_key.address,
            nonce=nonce,
            expires_at_ms=expires_at_ms,
            chain_time_ms=moment.chain_ms,
            fee_base=moment.parameters.fee_base,
            fee_per_byte=moment.parameters.fee_per_byte,
            horizon_ms=moment.parameters.horizon_ms,
            miner_bond_min=moment.parameters.miner_bond_min,
            registered_name=None if standing is None else standing.name,
        )

    async def register(self, principal: Principal, registration: MinerRegistration) -> MinerView:
        """Register a miner or change what it declares; answers when final (M1).

        Raises:
            Forbidden: no scope `miner`.
            MinerNameInvalid: the name breaks M1's pattern.
            InvalidRequest: capabilities, aliases or GPU cannot be understood.
            MinerAlreadyRegistered: the name is held by another owner or key.
            ChallengeInvalid: the key's possession is not proved.
            TransactionInvalid: the signed registration says something else than the body.
            SponsorshipExhausted: the owner's sponsored fees are used up.
            Unavailable: not final in time; repeat.
        """
        require(principal, Scope.MINER)
        if registration.own_key is not None:
            self._challenges.check(registration.own_key, self._core.moments.clock_ms())
        await self._registration.register(principal, registration)
        return await self.get(registration.name)

    async def get(self, name: str) -> MinerView:
        """Return a miner by name, without regard to case.

        Raises:
            MinerNotFound: no miner of this name.
        """

        def read(connection: Connection) -> MinerView:
            row = store.find_miner(connection, name)
            if row is None:
                raise MinerNotFound
            return view_of(connection, row, self._core.registry, self._presence)

        return await self._core.database.read(read)

    async def list(
        self, *, limit: int = 100, before: tuple[TimestampMs, str] | None = None
    ) -> tuple[Sequence[MinerView], tuple[TimestampMs, str] | None]:
        """Return registered miners, newest first, and the place of the last if more follow.

        Args:
            limit: most of them.
            before: place of the last one of the page before.
        """

        def read(
            connection: Connection,
        ) -> tuple[Sequence[MinerView], tuple[TimestampMs, str] | None]:
            rows = store.newest(connection, limit + 1, before)
            views = [
                view_of(connection, row, self._core.registry, self._presence)
                for row in rows[:limit]
            ]
            last = rows[limit - 1] if len(rows) > limit else None
            return views, None if last is None else (last.created_ms, last.name_key)

        return await self._core.database.read(read)
