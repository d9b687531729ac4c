"""What a transaction must pay (T9), and which ones pay nothing (J3, J10, T11)."""

from typing import Final

from msgspec.structs import replace

from ledger.actions import (
    FEE_FREE,
    Action,
    AttestReceipt,
    CastVote,
    DisputeReceipt,
    RegisterMiner,
    SubmitEvidence,
    SubmitJob,
    Transfer,
    action_name,
)
from ledger.codec import encode
from ledger.hashing import sha256
from ledger.params import Parameters
from ledger.rejections import FeeNotAllowed, FeeTooLow
from ledger.transaction import SIGNATURE_OVERHEAD_BYTES, Transaction
from ledger.types import AMOUNT_MAX, Amount, Hash

FeeFreeSlot = tuple[Hash, type[Action], int | bytes, bytes]
"""Job, action, attempt (or receipt id and kind), signer. Of a vote: the ballot, or the digest of
the motion that opens one. Of evidence: the accused, and nobody as its signer."""

_FREE: Final = frozenset(FEE_FREE)


def is_fee_free(action: Action) -> bool:
    """Return whether an action carries fee 0; a dispute with a bond, the client's, does not."""
    if type(action) is Transfer:
        return False
    if isinstance(action, DisputeReceipt):
        return action.bond == 0
    return type(action) in _FREE


def least_fee(parameters: Parameters, signed_bytes: int, *, creates_account: bool) -> Amount:
    """Return base + per byte, and the account fee for a transfer that creates an account (T9).

    Args:
        parameters: those in force.
        signed_bytes: length of the signed transaction.
        creates_account: whether it is a transfer to an address without an account.
    """
    fee = parameters.fee_base + parameters.fee_per_byte * signed_bytes
    return fee + parameters.account_fee if creates_account else fee


def with_least_fee(
    parameters: Parameters, transaction: Transaction, *, creates_account: bool = False
) -> Transaction:
    """Return the unsigned transaction with the least fee that it may carry.

    Args:
        parameters: those in force.
        transaction: any fee in it is ignored.
        creates_account: say True where it may create one: the fee is what is paid, and it is
            refused if it is too low.
    """
    if is_fee_free(transaction.action):
        return replace(transaction, fee=0)
    # The fee is part of the bytes that it pays for; it grows to a fixed point in a few steps.
    fee, needed = -1, 0
    while needed != fee:
        fee = needed
        size = len(encode(replace(transaction, fee=fee))) + SIGNATURE_OVERHEAD_BYTES
        needed = min(least_fee(parameters, size, creates_account=creates_account), AMOUNT_MAX)
    return replace(transaction, fee=fee)


def check_fee(
    parameters: Parameters, transaction: Transaction, signed_bytes: int, *, creates_account: bool
) -> None:
    """Check the fee against the parameters in force.

    Raises:
        FeeNotAllowed: an action that carries none carries one (J10).
        FeeTooLow: it is below the least fee (T9).
    """
    action, fee = transaction.action, transaction.fee
    if is_fee_free(action):
        if fee:
            raise FeeNotAllowed(action_name(action), fee)
        return
    required = least_fee(parameters, signed_bytes, creates_account=creates_account)
    if fee < required:
        raise FeeTooLow(fee, required)


def locked_amount(action: Action) -> Amount:
    """Return what an action moves or locks out of the sender's balance, besides the fee."""
    if isinstance(action, Transfer):
        return action.amount
    if isinstance(action, SubmitJob):
        return action.max_price
    if isinstance(action, RegisterMiner | DisputeReceipt):
        return action.bond
    return 0


def spend_of(transaction: Transaction) -> Amount:
    """Return all that a transaction takes out of the sender's balance; the pool sums it (T7)."""
    return transaction.fee + locked_amount(transaction.action)


def fee_free_slot(transaction: Transaction) -> FeeFreeSlot | None:
    """Return what a pool holds at most once of fee-free transactions, None for paying ones (T7)."""
    action = transaction.action
    if not is_fee_free(action):
        return None
    if isinstance(action, AttestReceipt):
        return (
            action.job_id,
            AttestReceipt,
            action.receipt_id + bytes((action.kind,)),
            transaction.sender,
        )
    if isinstance(action, DisputeReceipt):
        return (action.job_id, DisputeReceipt, action.receipt_id, transaction.sender)
    if isinstance(action, CastVote):
        subject = action.ballot_id or sha256(encode(action.motion))
        return (subject, CastVote, action.support, transaction.sender)
    if isinstance(action, SubmitEvidence):
        # Whoever sends it: one is enough, and senders cost nothing to make.
        return (action.authority, SubmitEvidence, action.first.statement.epoch, b"")
    if isinstance(action, FEE_FREE):
        return (action.job_id, type(action), action.attempt, transaction.sender)
    return None
