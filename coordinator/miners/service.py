"""Miners: registration and reading."""

from coordinator.clients.model import Principal
from coordinator.miners.model import Challenge, MinerRegistration, MinerView
from ledger.types import PublicKey


class MinerService:
    """Who may work."""

    async def challenge(self, public_key: PublicKey) -> Challenge:
        """Return what a miner with its own key has to sign (T6).

        Raises:
            InvalidRequest: the key is not a usable Ed25519 key.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    async def get(self, name: str) -> MinerView:
        """Return a miner by name, without regard to case.

        Raises:
            MinerNotFound: no miner of this name.
        """
        raise NotImplementedError

    async def list(self, *, limit: int = 100) -> list[MinerView]:
        """Return registered miners, newest first."""
        raise NotImplementedError
