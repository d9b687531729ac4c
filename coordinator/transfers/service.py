"""Sending units from wallets that the coordinator keeps: stored first, then sent (J30, K3).

The rules of the ledger decide whether units move. What is in escrow for open jobs is on no account,
so it cannot be sent; what other transactions in the pool take, the node's pool holds back.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from coordinator.clients.access import require
from coordinator.clients.budgets import check_budget
from coordinator.clients.model import Principal, Scope
from coordinator.clients.store import find_client
from coordinator.core import Core
from coordinator.errors import (
    Forbidden,
    InsufficientBalance,
    InvalidRequest,
    MinerNotFound,
    Unavailable,
)
from coordinator.idempotency import Claim
from coordinator.miners.store import find_miner
from coordinator.outbox import SignedBytes
from coordinator.outbox import store as outbox
from coordinator.ports import SubmitOutcome, TransactionStatus
from coordinator.transfers import store
from coordinator.transfers.errors import MinerKeepsItsKey, TransferNotFound
from coordinator.transfers.model import Transfer, TransferPage, TransferWish
from coordinator.wallets import Vault
from coordinator.wallets.store import get_key
from ledger.actions import Custody
from ledger.actions import Transfer as TransferAction
from ledger.keys import KeyPair
from ledger.types import Address, Amount, Hash, TimestampMs

READERS: Final = (Scope.WALLET, Scope.CLIENT, Scope.READ)
"""Who may look at transfers."""


class TransferService:
    """Sends units of managed wallets."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core

    async def send(
        self, principal: Principal, wish: TransferWish, *, wait_s: float, once: Claim | None
    ) -> Transfer:
        """Send units, once; returns when the node took the transfer, or when it is final.

        Args:
            principal: the caller.
            wish: what is sent.
            wait_s: seconds to wait until it is final; 0 to answer once it is pooled.
            once: of the request's idempotency key.

        Raises:
            Forbidden: the key has no scope `wallet`, or the miner is another's.
            InvalidRequest: the amount is 0, or goes back to the account that it comes from.
            MinerNotFound: no miner of this name.
            MinerKeepsItsKey: the miner's key is not kept here.
            InsufficientBalance: the account does not cover amount and fee.
            KeyBudgetExceeded: the key's budget does not.
            Unavailable: the node does not take it now; nothing was kept.
        """
        require(principal, Scope.WALLET)
        if once is not None and once.effect is not None:
            # Stored before the process died: its bytes are on their way, or arrived.
            return await self._shown(principal, bytes.fromhex(once.effect), wait_s)
        if not wish.amount:
            raise InvalidRequest.at("/amount", "must be more than 0", "OUT_OF_RANGE")
        core = self._core
        key = await core.database.read(lambda c: _payer(c, core.vault, principal, wish.miner))
        sender = key.address
        if sender == wish.to:
            raise InvalidRequest.at("/to", "is the account that pays: name another", "SAME_ACCOUNT")
        prepared = self._prepare(key, wish, once)
        spendable = core.chain.spendable(sender)
        if spendable < prepared.needed:
            # A courtesy: the pool decides. What is hopeless counts against no budget meanwhile.
            raise InsufficientBalance(prepared.needed, spendable)
        await core.database.write(lambda c: _store(c, principal, prepared))
        sent = prepared.signed.transaction_id

        def undo(connection: Connection) -> None:
            outbox.forget(connection, sent)
            store.forget(connection, sent)
            if once is not None:
                once.forget(connection)

        outcome = await core.courier.send(sent, undo)
        if outcome.status in (TransactionStatus.REJECTED, TransactionStatus.FULL):
            raise _refusal(outcome, prepared.needed, core.chain.spendable(sender))
        return await self._shown(principal, sent, wait_s)

    async def get(self, principal: Principal, transaction_id: Hash, wait_s: float = 0) -> Transfer:
        """Return a transfer of the caller.

        Args:
            principal: the caller.
            transaction_id: which.
            wait_s: seconds to wait until it is final or expired.

        Raises:
            Forbidden: the key has none of the scopes `wallet`, `client` and `read`.
            TransferNotFound: the caller has no such transfer.
        """
        require(principal, *READERS)
        return await self._shown(principal, transaction_id, wait_s)

    async def list(self, principal: Principal, limit: int, before: int | None) -> TransferPage:
        """Return transfers of the caller, the newest first.

        Args:
            principal: the caller.
            limit: most transfers.
            before: `seq` of the last one of the page before.

        Raises:
            Forbidden: the key has none of the scopes `wallet`, `client` and `read`.
        """
        require(principal, *READERS)
        client_id = principal.client_id
        # One more than asked for tells whether there are more.
        found = await self._core.database.read(
            lambda c: store.newest(c, client_id, limit + 1, before)
        )
        shown = found[:limit]
        return TransferPage(shown, shown[-1].seq if len(found) > limit else None)

    def _prepare(self, key: KeyPair, wish: TransferWish, once: Claim | None) -> "_Prepared":
        core, moment = self._core, self._core.moments.now()
        signed = core.signer.sign(
            moment,
            key,
            TransferAction(to=wish.to, amount=wish.amount),
            core.config.timings.transaction_validity_ms,
            creates_account=not core.chain.balance(wish.to),
        )
        return _Prepared(wish, key.address, signed, moment.now_ms, once)

    async def _shown(self, principal: Principal, transaction_id: Hash, wait_s: float) -> Transfer:
        core, client_id = self._core, principal.client_id
        found = await core.database.read(lambda c: store.find(c, client_id, transaction_id))
        if found is None:
            raise TransferNotFound
        if not wait_s:
            return found
        # Of somebody else's transaction nothing is waited for: it was not found above.
        await core.courier.wait(transaction_id, wait_s)
        found = await core.database.read(lambda c: store.find(c, client_id, transaction_id))
        assert found is not None, "what the node took stays"
        return found


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A signed transfer that is not stored yet."""

    wish: TransferWish
    sender: Address
    signed: SignedBytes
    now_ms: TimestampMs
    once: Claim | None

    @property
    def needed(self) -> Amount:
        """Nait that the sender pays in all."""
        return self.wish.amount + self.signed.fee


def _store(connection: Connection, principal: Principal, prepared: _Prepared) -> None:
    """Store a transfer, and with it what its key may still spend."""
    wish, signed, now_ms = prepared.wish, prepared.signed, prepared.now_ms
    check_budget(connection, principal, prepared.needed, now_ms)
    outbox.add(connection, f"transfer:{signed.transaction_id.hex()}", signed, now_ms)
    store.add(
        connection,
        transaction_id=signed.transaction_id,
        client_id=principal.client_id,
        key_id=principal.key_id,
        sender=prepared.sender,
        to=wish.to,
        amount=wish.amount,
        fee=signed.fee,
        created_ms=now_ms,
    )
    if prepared.once is not None:
        prepared.once.note(connection, signed.transaction_id.hex())


def _payer(
    connection: Connection, vault: Vault, principal: Principal, miner: str | None
) -> KeyPair:
    """Return the key of the account that pays; see `_account`."""
    return get_key(connection, vault, _account(connection, principal, miner))


def _account(connection: Connection, principal: Principal, miner: str | None) -> Address:
    """Return the account that pays: the client's wallet, or that of a managed miner of it.

    Raises:
        MinerNotFound, Forbidden, MinerKeepsItsKey: as of `TransferService.send`.
    """
    if miner is None:
        client = find_client(connection, principal.client_id)
        assert client is not None, "a principal is a client"
        return bytes(client.address)
    row = find_miner(connection, miner)
    if row is None:
        raise MinerNotFound
    if row.client_id != principal.client_id:
        raise Forbidden("This miner belongs to another key's owner")
    if Custody(row.custody) is not Custody.MANAGED:
        raise MinerKeepsItsKey(
            "The miner has a key of its own, which is not kept here: sign a transfer with that key "
            "and send it to the chain, such as by `aitbc tx send`"
        )
    return bytes(row.address)


def _refusal(outcome: SubmitOutcome, needed: Amount, spendable: Amount) -> Exception:
    if outcome.code == InsufficientBalance.code:
        return InsufficientBalance(needed, spendable)
    if outcome.status is TransactionStatus.FULL:
        return Unavailable("The transaction pool is full", 2)
    return Unavailable(f"The chain refuses the transfer: {outcome.code}")
