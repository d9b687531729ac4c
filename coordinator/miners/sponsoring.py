"""Registration fees that the coordinator pays for miners, by signed transfers (M1)."""

from typing import Final

from sqlalchemy import Connection

from coordinator.core import Core
from coordinator.errors import SponsorshipExhausted, Unavailable
from coordinator.miners import store
from coordinator.moment import Moment
from coordinator.outbox import OutboxState, next_of
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
        core = self._core

        def lacking() -> Amount | None:
            missing = fee - core.chain.balance(address)
            return missing if missing > 0 else None

        async def store_one(intent: str, missing: Amount) -> Hash:
            moment = core.moments.now()
            return await core.database.write(
                lambda c: self._store(c, moment, client_id, address, intent=intent, missing=missing)
            )

        # Mostly nothing is: then not even the tables are asked.
        if lacking() is None:
            return
        sent = await next_of(core.database, f"sponsor:{address.hex()}:", lacking, store_one)
        if sent is None:
            return
        outcome = await core.courier.send(sent)
        if outcome.status is TransactionStatus.REJECTED:
            raise Unavailable(f"{_WHAT} cannot be sponsored: {outcome.code}", 5)
        state = await core.courier.wait(sent, core.config.timings.final_wait_s)
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
        is_new = outbox.find(connection, intent) is None
        if is_new and store.sponsored(connection, client_id) >= limit:
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
