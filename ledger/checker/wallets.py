"""Balances as a block's transactions and outcomes imply them, step by step (invariants 1, 5)."""

from collections.abc import Mapping

from ledger.checker.broken import Invariant, require, require_equal
from ledger.records import Account, Record, Table, state_key
from ledger.types import AMOUNT_MAX, Address, Amount


class Wallets:
    """Balances during one block; untouched ones are those of the parent's state."""

    def __init__(self, records: Mapping[bytes, Record]) -> None:
        """Start from the parent's records, which are read only."""
        self._records = records
        self._touched: dict[Address, Amount] = {}

    def balance(self, address: Address) -> Amount:
        """Return a balance at this point of the block."""
        if address in self._touched:
            return self._touched[address]
        account = self._records.get(state_key(Table.ACCOUNT, address))
        return account.balance if isinstance(account, Account) else 0

    def move(self, address: Address, amount: int) -> None:
        """Add to a balance, or take from it.

        Raises:
            InvariantBroken: the balance leaves 0 … 2^63−1.
        """
        after = self.balance(address) + amount
        what = f"balance of {address.hex()} within the block"
        require(Invariant.SUPPLY, what, 0 <= after <= AMOUNT_MAX, "0 … 2^63−1", after)
        self._touched[address] = after

    def compare(self, written: Mapping[bytes, Record | None]) -> None:
        """Compare every balance with what the block wrote, or left as it was.

        Args:
            written: the block's changed records by key; None for those that left.

        Raises:
            InvariantBroken: a balance is not what transactions and outcomes make it.
        """
        accounts = {key[1:] for key in written if key[0] == Table.ACCOUNT}
        for address in self._touched.keys() | accounts:
            key = state_key(Table.ACCOUNT, address)
            account = written[key] if key in written else self._records.get(key)
            balance = account.balance if isinstance(account, Account) else 0
            what = f"balance of {address.hex()}"
            require_equal(Invariant.OUTCOMES, what, self.balance(address), balance)
