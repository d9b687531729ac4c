"""Funds for new managed wallets of a devnet: signed transfers from the faucet account."""

from dataclasses import dataclass

from sqlalchemy import Connection

from coordinator.moment import Moment
from coordinator.outbox import Signer, first_of, store
from ledger.actions import Transfer
from ledger.keys import KeyPair
from ledger.types import Address, Amount, Hash


@dataclass(frozen=True)
class Faucet:
    """An account that funds wallets."""

    key: KeyPair
    """Its key."""
    amount: Amount
    """Nait of one transfer."""
    validity_ms: int
    """Validity of a transfer."""
    signer: Signer
    """Signs."""

    def series(self, address: Address) -> str:
        """Return what the intents of transfers to an address begin with."""
        return f"fund:{address.hex()}:"

    def fund(
        self, connection: Connection, moment: Moment, address: Address, intent: str | None = None
    ) -> Hash:
        """Store a transfer to an address in the caller's transaction; return its id.

        Asking again for the same one gives the same transfer.

        Args:
            connection: of the caller's transaction.
            moment: now.
            address: who gets the funds.
            intent: which transfer of the address's series; None for the first.
        """
        return store.ensure(
            connection,
            intent or first_of(self.series(address)),
            lambda: self.signer.sign(
                moment,
                self.key,
                Transfer(to=address, amount=self.amount),
                self.validity_ms,
                creates_account=True,
            ),
            moment.now_ms,
        )
