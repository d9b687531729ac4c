"""Balances: who has what, and how it moves.

An account exists while its balance is not 0; one of zeros leaves the state (T9).
"""

from typing import Final

from ledger.actions import Transfer
from ledger.environment import Cause, Environment
from ledger.records import Account, Table
from ledger.settlement import check_amount
from ledger.state import Overlay, State
from ledger.types import Address, Amount

_ACCOUNT: Final = bytes((Table.ACCOUNT,))


def account_exists(state: State, address: Address) -> bool:
    """Return whether the address has a balance."""
    return state.get(_ACCOUNT + address) is not None


def balance_of(state: State, address: Address) -> Amount:
    """Return an address's balance in nait, 0 if it has no account."""
    account = state.get(_ACCOUNT + address)
    if account is None:
        return 0
    assert isinstance(account, Account)
    return account.balance


def credit(state: Overlay, address: Address, amount: Amount) -> None:
    """Add to a balance, making the account if need be; nothing is written for 0.

    Raises:
        AmountOutOfRange: the balance would leave its range (S8).
    """
    if amount:
        balance = check_amount("balance", balance_of(state, address) + amount)
        state.put(_ACCOUNT + address, Account(balance))


def debit(state: Overlay, address: Address, amount: Amount) -> None:
    """Take from a balance that the caller has checked to suffice."""
    if amount:
        balance = balance_of(state, address) - amount
        assert balance >= 0, "a debit is checked before it is made"
        state.put(_ACCOUNT + address, Account(balance) if balance else None)


def apply_transfer(env: Environment, cause: Cause, action: Transfer, spend: Amount) -> None:
    """Move the amount; what the sender spends, the fee included, has been checked.

    Taking before giving keeps a transfer to oneself in range.
    """
    debit(env.state, cause.sender, spend)
    credit(env.state, action.to, action.amount)
