"""Checks a miner's signed receipt before it is sent: job, attempt, terms and result (J19, J21)."""

from coordinator.errors import ReceiptInvalid, TransactionInvalid
from coordinator.miners.declarations import decode_signed
from coordinator.moment import Moment
from ledger import check_receipt
from ledger.actions import PostReceipt, ReleaseJob
from ledger.errors import TransactionRejected
from ledger.hashing import Tags
from ledger.records import Job
from ledger.transaction import SignedTransaction
from ledger.types import Address, Attempt, ChainId, Hash


def read_receipt(
    tags: Tags, chain_id: ChainId, signed: bytes
) -> tuple[SignedTransaction, PostReceipt]:
    """Return a signed `post_receipt` and its action.

    Raises:
        ReceiptInvalid: it is none, or not signed for this chain.
    """
    try:
        transaction = decode_signed(tags, chain_id, signed)
    except TransactionInvalid as error:
        raise ReceiptInvalid(error.detail, error.faults) from None
    action = transaction.transaction.action
    if not isinstance(action, PostReceipt):
        raise ReceiptInvalid.at("/transaction", "must be a post_receipt")
    return transaction, action


def check_place(action: PostReceipt, job_id: Hash, attempt: Attempt) -> None:
    """Check that a receipt is of this job and attempt, and has possible times.

    Raises:
        ReceiptInvalid: it is not; names the field.
    """
    if action.job_id != job_id:
        raise ReceiptInvalid.at("/transaction/job_id", f"must be {job_id.hex()}")
    if action.attempt != attempt:
        raise ReceiptInvalid.at("/transaction/attempt", f"must be {attempt}")
    if action.started_ms > action.completed_ms:
        raise ReceiptInvalid.at("/transaction/completed_ms", "is before started_ms")


def check_signer(signed: SignedTransaction, miner: Address) -> None:
    """Check that the miner itself signed.

    Raises:
        ReceiptInvalid: another key did.
    """
    if signed.transaction.sender != miner:
        raise ReceiptInvalid.at("/transaction/sender_public_key", "is not this miner's key")


def check_envelope(signed: SignedTransaction, moment: Moment) -> None:
    """Check that a receipt has no fee, and that there is time to include it.

    Raises:
        ReceiptInvalid: it is not so; names the field.
    """
    if signed.transaction.fee:
        raise ReceiptInvalid.at("/transaction/fee", "must be 0 (J10)")
    valid_until_ms = signed.transaction.valid_until_ms
    latest_ms = max(moment.chain_ms, moment.now_ms) + moment.parameters.horizon_ms
    if not moment.chain_ms < valid_until_ms <= latest_ms:
        message = f"must be in {moment.chain_ms + 1} … {latest_ms}: sign a new one"
        raise ReceiptInvalid.at("/transaction/valid_until_ms", message)


def check_digest(action: PostReceipt, digest: Hash) -> None:
    """Check that a receipt commits to the delivered result.

    Raises:
        ReceiptInvalid: it commits to another one.
    """
    if action.result_digest != digest:
        message = f"the delivered result and salt give {digest.hex()}"
        raise ReceiptInvalid.at("/transaction/result_digest", message)


def check_model(action: PostReceipt, allowed: str) -> None:
    """Check that a receipt names the model that the miner declared to run (S3).

    Raises:
        ReceiptInvalid: it names another one.
    """
    if action.model != allowed:
        raise ReceiptInvalid.at("/transaction/model", f"must be {allowed}, as declared")


def check_terms(action: PostReceipt, live: Job) -> None:
    """Check the terms against the final state, by the rules that the chain will apply (J1, J19).

    Raises:
        ReceiptInvalid: a term differs.
    """
    assert live.assignment is not None
    try:
        check_receipt(live, live.assignment, action)
    except TransactionRejected as error:
        raise ReceiptInvalid.at("/transaction", str(error), error.code) from None


def read_release(tags: Tags, chain_id: ChainId, signed: bytes, miner: Address) -> SignedTransaction:
    """Return a signed `release_job` of a miner.

    Raises:
        TransactionInvalid: it is none, not signed for this chain, or by another key.
    """
    transaction = decode_signed(tags, chain_id, signed)
    if not isinstance(transaction.transaction.action, ReleaseJob):
        raise TransactionInvalid.at("/transaction", "must be a release_job")
    if transaction.transaction.sender != miner:
        raise TransactionInvalid.at("/transaction/sender_public_key", "is not this miner's key")
    return transaction
