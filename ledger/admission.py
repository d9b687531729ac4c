"""Checks of a single transaction, cheapest first (T7).

    size, canonical   decode
    itself            check_transaction_sanity
    time              check_transaction_time
    id                check_transaction_unseen
    can pay           check_can_pay (of `ledger.execution`)
    signature         verify_signature (of `ledger.transaction`)
    the rules         check_applies, which runs it on a copy and throws the copy away

Each is a function of its own, so that the pool can do the cheap ones inline and batch signatures.
Blocks are judged by the same functions (`ledger.transition`). Caches are keyed by the full signed
bytes, and an id counts as known only after its signature verified (T3).
"""

from collections.abc import Callable
from typing import Final, cast

from ledger.actions import (
    Action,
    AssignJob,
    CastVote,
    PostReceipt,
    SubmitEvidence,
    SubmitJob,
    Transfer,
    UnitType,
)
from ledger.evidence import check_evidence_sanity
from ledger.execution import apply_transaction, check_can_pay
from ledger.governance_rejections import VoteInvalid
from ledger.job_rejections import ReceiptTimesInvalid, UnitPriceInvalid
from ledger.opening import open_block
from ledger.params import TRANSACTION_VERSION, Parameters
from ledger.rejections import (
    AlreadyIncluded,
    AmountZero,
    TransactionExpired,
    ValidUntilTooFar,
    VersionUnsupported,
    WrongChain,
)
from ledger.seen import SeenIds, SeenOverlay
from ledger.transaction import CODEC, SignedTransaction, Transaction
from ledger.types import Address, ChainId, Hash, TimestampMs
from ledger.views import ChainView

__all__ = [
    "check_applies",
    "check_can_pay",
    "check_transaction_sanity",
    "check_transaction_time",
    "check_transaction_unseen",
    "decode_transaction",
]


def decode_transaction(signed: bytes) -> SignedTransaction:
    """Return the transaction that these bytes are the canonical form of.

    Raises:
        BytesTooLarge, BytesMalformed, BytesNotCanonical: they are none.
    """
    return CODEC.decode(signed)


def check_transaction_sanity(chain_id: ChainId, transaction: Transaction) -> None:
    """Check what the transaction alone shows; follows `decode_transaction`.

    Raises:
        VersionUnsupported, WrongChain: it is not for this chain as it is.
        AmountZero, ReceiptTimesInvalid, UnitPriceInvalid, VoteInvalid, EvidenceLegal,
        EvidenceWithoutContradiction: no state could accept it.
    """
    if transaction.version != TRANSACTION_VERSION:
        raise VersionUnsupported(transaction.version, TRANSACTION_VERSION)
    if transaction.chain_id != chain_id:
        raise WrongChain(transaction.chain_id, chain_id)
    check = _ACTION_CHECKS.get(type(transaction.action))
    if check is not None:
        check(transaction.action)


def check_transaction_time(
    parameters: Parameters, transaction: Transaction, now_ms: TimestampMs
) -> None:
    """Check now ≤ valid_until ≤ now + horizon; follows `check_transaction_sanity`.

    Raises:
        TransactionExpired, ValidUntilTooFar: it is not.
    """
    if transaction.valid_until_ms < now_ms:
        raise TransactionExpired(transaction.valid_until_ms, now_ms)
    limit_ms = now_ms + parameters.horizon_ms
    if transaction.valid_until_ms > limit_ms:
        raise ValidUntilTooFar(transaction.valid_until_ms, limit_ms)


def check_transaction_unseen(
    seen: SeenIds | SeenOverlay, transaction_id: Hash, valid_until_ms: TimestampMs
) -> None:
    """Check that no ancestor contains the transaction (T1); follows `check_transaction_time`.

    Raises:
        AlreadyIncluded: one does.
    """
    if seen.contains(transaction_id, valid_until_ms):
        raise AlreadyIncluded(transaction_id)


def check_applies(
    view: ChainView,
    transaction: Transaction,
    transaction_id: Hash,
    signed_bytes: int,
    now_ms: TimestampMs,
    *,
    sender: Address | None = None,
) -> None:
    """Check that a block at `now_ms` on this view could contain the transaction; keep nothing.

    For fee-free actions a pool needs this before it takes them: nothing else bounds them there.

    Args:
        view: the block's parent.
        transaction: what it could contain.
        transaction_id: its id.
        signed_bytes: length of the signed transaction.
        now_ms: the block's time.
        sender: the sender's address, if the caller has it.

    Raises:
        TransactionRejected: the view's state refuses it.
    """
    env = open_block(view, now_ms)
    apply_transaction(env, transaction, transaction_id, signed_bytes, sender=sender)


def _check_transfer(action: Transfer) -> None:
    if action.amount == 0:
        raise AmountZero("amount")


def _check_submit(action: SubmitJob) -> None:
    if action.max_price == 0:
        raise AmountZero("max_price")


def _check_assign(action: AssignJob) -> None:
    if (action.unit_type is UnitType.NONE) != (action.unit_price == 0):
        raise UnitPriceInvalid(action.unit_type.name, action.unit_price)


def _check_receipt(action: PostReceipt) -> None:
    if action.started_ms > action.completed_ms:
        raise ReceiptTimesInvalid(action.started_ms, action.completed_ms)


def _check_vote(action: CastVote) -> None:
    opens = action.motion is not None
    if opens == (action.ballot_id is not None) or (opens and not action.support):
        raise VoteInvalid


_ACTION_CHECKS: Final = cast(
    dict[type[Action], Callable[[Action], None]],
    {
        Transfer: _check_transfer,
        SubmitJob: _check_submit,
        AssignJob: _check_assign,
        PostReceipt: _check_receipt,
        CastVote: _check_vote,
        SubmitEvidence: check_evidence_sanity,
    },
)
"""What no state could make valid about an action; called with the action of its key only."""
