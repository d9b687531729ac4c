"""Registration fees that the coordinator pays for miners, by signed transfers (M1)."""

from typing import Final

from sqlalchemy import Connection

from coordinator.core import Core
from coordinator.errors import SponsorshipExhausted, Unavailable
from coordinator.miners import store
from coordinator.moment import Moment
from coordinator.outbox import OutboxState
from coordinator.outbox import store as outbox
from coordinator.ports import TransactionStatus
from ledger.actions import Transfer
from ledger.types import Address, Amount, Hash

_WHAT: Final = "The fee of the registration"


class Sponsor:
    """Pays fees, so that nobody needs units before the first job."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core

    async def cover(self, client_id: str, address: Address, fee: Amount) -> None:
        """Bring the balance of a miner's account up to a fee; returns when that is final.

        Raises:
            SponsorshipExhausted: the owner's sponsored fees are used up.
            Unavailable: the transfer is refused, or not final in time.
        """
        if self._core.chain.balance(address) >= fee:
            return
        # Counted before the balance is read: a transfer that becomes final after that is waited
        # for, and not followed by one that was made without knowing it.
        intent = await self._core.database.read(lambda c: _next_intent(c, address))
        missing = fee - self._core.chain.balance(address)
        if missing <= 0:
            return
        moment = self._core.moments.now()
        sent = await self._core.database.write(
            lambda c: self._store(c, moment, client_id, address, intent=intent, missing=missing)
        )
        outcome = await self._core.courier.send(sent)
        if outcome.status is TransactionStatus.REJECTED:
            raise Unavailable(f"{_WHAT} cannot be sponsored: {outcome.code}", 5)
        state = await self._core.courier.wait(sent, self._core.config.timings.final_wait_s)
        if state is not OutboxState.FINAL:
            raise Unavailable(f"{_WHAT} is not final yet")

    def _store(
        self,
        connection: Connection,
        moment: Moment,
        client_id: str,
        address: Address,
        *,
        intent: str,
        missing: Amount,
    ) -> Hash:
        limit = self._core.config.limits.sponsored_registrations_max
        if store.sponsored(connection, client_id) >= limit:
            raise SponsorshipExhausted(
                f"{limit} registrations were sponsored: send the miner's account {missing} nait"
            )
        sent = outbox.ensure(
            connection,
            intent,
            lambda: self._core.signer.sign(
                moment,
                self._core.config.account_key,
                Transfer(to=address, amount=missing),
                self._core.config.timings.transaction_validity_ms,
                creates_account=True,
            ),
            moment.now_ms,
        )
        store.insert_sponsorship(connection, sent, client_id, address, missing)
        return sent


def _next_intent(connection: Connection, address: Address) -> str:
    """Return what the transfer after the final ones to an address is stored under."""
    prefix = f"sponsor:{address.hex()}:"
    return f"{prefix}{outbox.count_final(connection, prefix)}"
