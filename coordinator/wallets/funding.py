"""Funds for new managed wallets of a devnet: signed transfers from the faucet account."""

from dataclasses import dataclass

from sqlalchemy import Connection

from coordinator.moment import Moment
from coordinator.outbox import Signer, store
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

    def fund(self, connection: Connection, moment: Moment, address: Address) -> Hash:
        """Store a transfer to an address in the caller's transaction; return its id.

        Asking again before that one is final gives the same transfer.
        """
        intent = f"fund:{address.hex()}:"
        return store.ensure(
            connection,
            f"{intent}{store.count_final(connection, intent)}",
            lambda: self.signer.sign(
                moment,
                self.key,
                Transfer(to=address, amount=self.amount),
                self.validity_ms,
                creates_account=True,
            ),
            moment.now_ms,
        )
