"""Faster twins of functions of `execution` for transfers, which are most of a full block.

Same checks in the same order, same writes, same errors; what the general path looks up or computes
several times is done once here. `execution` stays the reference, and a property test holds the two
together (tests/ledger/test_fast_transfer.py).
"""

from typing import Final

from ledger.actions import Transfer
from ledger.environment import Environment
from ledger.execution import apply_transaction, check_can_pay
from ledger.params import Parameters
from ledger.records import Account, Record, Table
from ledger.rejections import FeeTooLow, InsufficientBalance
from ledger.settlement import check_amount
from ledger.state import State
from ledger.transaction import IdentifiedTransaction
from ledger.types import Amount

_ACCOUNT: Final = bytes((Table.ACCOUNT,))


def apply_identified(env: Environment, signed: IdentifiedTransaction) -> None:
    """Carry out one transaction whose bytes, time, id and signature have been checked.

    Raises:
        TransactionRejected: a rule refuses it; nothing has changed.
    """
    transaction = signed.content.transaction
    action = transaction.action
    if type(action) is Transfer:
        _apply_transfer(env, signed, action)
    else:
        identity, size = signed.transaction_id, len(signed.data)
        apply_transaction(env, transaction, identity, size, sender=signed.sender)


def check_payable(
    state: State, parameters: Parameters, signed: IdentifiedTransaction, pooled_spend: Amount
) -> None:
    """Check the fee, and that the sender can pay (T7, T9): the twin of `check_can_pay`.

    Args:
        state: the state that pays.
        parameters: those in force.
        signed: what is to be paid.
        pooled_spend: what the sender's other pooled transactions will take.

    Raises:
        FeeNotAllowed, FeeTooLow, InsufficientBalance: see `execution.check_can_pay`.
    """
    transaction = signed.content.transaction
    action = transaction.action
    if type(action) is not Transfer:
        size, sender = len(signed.data), signed.sender
        check_can_pay(state, parameters, transaction, size, pooled_spend, sender=sender)
        return
    required = parameters.fee_base + parameters.fee_per_byte * len(signed.data)
    if state.get(_ACCOUNT + action.to) is None:
        required += parameters.account_fee
    if transaction.fee < required:
        raise FeeTooLow(transaction.fee, required)
    spend = transaction.fee + action.amount
    if spend:
        account = state.get(_ACCOUNT + signed.sender)
        balance = _balance(account)
        if balance < spend + pooled_spend:
            raise InsufficientBalance(spend + pooled_spend, balance)


def _apply_transfer(env: Environment, signed: IdentifiedTransaction, action: Transfer) -> None:
    state, parameters = env.state, env.parameters
    fee, amount = signed.content.transaction.fee, action.amount
    sender_key, receiver_key = _ACCOUNT + signed.sender, _ACCOUNT + action.to
    receiver = state.get(receiver_key)

    # T9: base, per byte, and what a new account costs.
    required = parameters.fee_base + parameters.fee_per_byte * len(signed.data)
    if receiver is None:
        required += parameters.account_fee
    if fee < required:
        raise FeeTooLow(fee, required)

    spend = fee + amount
    if spend:
        sender = state.get(sender_key)
        balance = _balance(sender)
        if balance < spend:
            raise InsufficientBalance(spend, balance)
        left = balance - spend
        state.put(sender_key, Account(left) if left else None)

    # Taking before giving keeps a transfer to oneself in range.
    if amount:
        if receiver_key == sender_key:
            receiver = state.get(receiver_key)
        balance = _balance(receiver)
        state.put(receiver_key, Account(check_amount("balance", balance + amount)))
    env.fees += fee


def _balance(record: Record | None) -> Amount:
    """Return the balance of what stands under an account's key."""
    if record is None:
        return 0
    assert isinstance(record, Account), "an account's key holds an account"
    return record.balance
