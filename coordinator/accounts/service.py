"""What a client has, and every nait that came or went."""

from typing import Final

from sqlalchemy import Connection

from coordinator.accounts.model import Account, Balance, Statement
from coordinator.accounts.reading import Wanted, accounts_of, read_statement
from coordinator.clients.access import require
from coordinator.clients.model import Principal, Scope
from coordinator.clients.store import find_client
from coordinator.core import Core
from coordinator.errors import InvalidRequest, Unavailable
from coordinator.follower import followed_height
from coordinator.jobs.store import reserved
from ledger.types import Amount, Height

LINES_MAX: Final = 1_000
"""Lines of one part of a statement."""

_ATTEMPTS: Final = 20
"""Blocks that may become final while a balance is read."""


class AccountService:
    """Balances and statements."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core

    async def balance(self, principal: Principal) -> Balance:
        """Return what the caller has; all of it as of one block (K1).

        Raises:
            Forbidden: the key has none of the scopes `client`, `read` and `wallet`.
            Unavailable: the chain moves on faster than it can be read.
        """
        require(principal, Scope.CLIENT, Scope.READ, Scope.WALLET)
        core = self._core

        def read(connection: Connection) -> tuple[bytes, Amount, Height]:
            client = find_client(connection, principal.client_id)
            assert client is not None, "a principal is a client"
            escrowed = reserved(connection, principal.client_id)
            return client.address, escrowed, followed_height(connection)

        for _ in range(_ATTEMPTS):
            await core.follower.catch_up()
            address, escrowed, height = await core.database.read(read)
            if core.chain.head().height == height:
                available = core.chain.spendable(address)
                pooled = core.chain.balance(address) - available
                return Balance(address, available, pooled, escrowed, height)
        raise Unavailable("The chain moved on while the balance was read")

    async def statement(
        self, principal: Principal, wanted: Wanted, *, miner: str | None = None
    ) -> Statement:
        """Return part of a statement of the caller's wallet and miners, or of one miner.

        Raises:
            Forbidden: the key is the operator's alone: scope `admin`.
            InvalidRequest: the period ends before it begins, or the cursor is none of ours.
            MinerNotFound: the caller has no miner of this name.
            Unavailable: the tables do not follow the chain.
        """
        require(principal, Scope.CLIENT, Scope.MINER, Scope.READ, Scope.WALLET)
        if wanted.to_ms <= wanted.from_ms:
            raise InvalidRequest.at("to", "must be after `from`", "OUT_OF_RANGE")
        core = self._core
        accounts: tuple[Account, ...] = await core.database.read(
            lambda c: accounts_of(c, principal.client_id, miner)
        )
        # In one turn of the loop: these balances are those after this block.
        height = core.chain.head().height
        balances = {account.address: core.chain.balance(account.address) for account in accounts}
        await core.follower.catch_up()

        def read(connection: Connection) -> Statement:
            if followed_height(connection) < height:
                raise Unavailable("The tables do not follow the chain yet")
            return read_statement(connection, accounts, wanted, height=height, balances=balances)

        return await core.database.read(read)
