"""One transaction's effect on a block in execution: the step of `ledger.transition`.

Every action checks all of its rules before its first write, so a refused transaction changes
nothing; then the sender pays the fee and what the action moves or locks.
"""

from collections.abc import Callable
from typing import Final, cast

from ledger import actions
from ledger.accounts import account_exists, apply_transfer, balance_of, debit
from ledger.ballots import apply_vote
from ledger.environment import Cause, Environment
from ledger.evidence import apply_evidence
from ledger.fees import check_fee, locked_amount
from ledger.job_submission import apply_submit
from ledger.jobs import apply_job_action
from ledger.miners import apply_register, apply_retire, apply_update
from ledger.offers import apply_post_offer
from ledger.open_offers import apply_withdraw_offer
from ledger.params import Parameters
from ledger.rejections import InsufficientBalance
from ledger.state import State
from ledger.transaction import Transaction
from ledger.types import Address, Amount, Hash

Handler = Callable[[Environment, Cause, actions.Action], None]

_HANDLERS: Final = cast(
    dict[type[actions.Action], Handler],
    {
        actions.RegisterMiner: apply_register,
        actions.UpdateMiner: apply_update,
        actions.RetireMiner: apply_retire,
        actions.SubmitJob: apply_submit,
        actions.AssignJob: apply_job_action,
        actions.ReleaseJob: apply_job_action,
        actions.PostReceipt: apply_job_action,
        actions.AttestReceipt: apply_job_action,
        actions.AcceptReceipt: apply_job_action,
        actions.DisputeReceipt: apply_job_action,
        actions.FailJob: apply_job_action,
        actions.CancelJob: apply_job_action,
        actions.PostOffer: apply_post_offer,
        actions.WithdrawOffer: apply_withdraw_offer,
        actions.AcceptOffer: apply_job_action,
        actions.CastVote: apply_vote,
        actions.SubmitEvidence: apply_evidence,
    },
)
"""What carries out each action but a transfer; called with the action of its key only."""


def check_can_pay(
    state: State,
    parameters: Parameters,
    transaction: Transaction,
    signed_bytes: int,
    pooled_spend: Amount = 0,
    *,
    sender: Address | None = None,
) -> Amount:
    """Check the fee, and that the sender can pay it with what the action moves or locks (T7, T9).

    Args:
        state: the state that pays.
        parameters: those in force.
        transaction: what is to be paid.
        signed_bytes: length of the signed transaction.
        pooled_spend: what the sender's other pooled transactions will take; 0 in a block.
        sender: the sender's address, if the caller has it.

    Returns:
        What the transaction takes out of the sender's balance, in nait.

    Raises:
        FeeNotAllowed, FeeTooLow: see `fees.check_fee`.
        InsufficientBalance: the balance does not suffice.
    """
    action = transaction.action
    creates_account = isinstance(action, actions.Transfer) and not account_exists(state, action.to)
    check_fee(parameters, transaction, signed_bytes, creates_account=creates_account)
    spend = transaction.fee + locked_amount(action)
    if spend:
        check_balance(state, sender or transaction.sender, spend + pooled_spend)
    return spend


def apply_transaction(
    env: Environment,
    transaction: Transaction,
    transaction_id: Hash,
    signed_bytes: int,
    *,
    sender: Address | None = None,
) -> None:
    """Carry out one transaction whose bytes, time, id and signature have been checked.

    Args:
        env: the block in execution.
        transaction: what is carried out.
        transaction_id: its id.
        signed_bytes: length of the signed transaction.
        sender: the sender's address, if the caller has it.

    Raises:
        TransactionRejected: a rule refuses it; nothing has changed.
    """
    public_key = transaction.sender_public_key
    cause = Cause(transaction_id, sender or transaction.sender, public_key)
    spend = check_can_pay(env.state, env.parameters, transaction, signed_bytes, sender=cause.sender)
    if isinstance(transaction.action, actions.Transfer):
        apply_transfer(env, cause, transaction.action, spend)
    else:
        _HANDLERS[type(transaction.action)](env, cause, transaction.action)
        debit(env.state, cause.sender, spend)
    env.fees += transaction.fee


def check_balance(state: State, sender: Address, needed: Amount) -> None:
    """Check that a balance suffices.

    Raises:
        InsufficientBalance: it does not.
    """
    balance = balance_of(state, sender)
    if balance < needed:
        raise InsufficientBalance(needed, balance)
