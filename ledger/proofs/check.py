"""Checking a proof bundle: the steps of docs/proofs.md, in their order.

This is the reference. The SDKs and the browser have checkers of their own, and the vectors hold
all of them to the same verdicts.
"""

from dataclasses import dataclass
from typing import TypeVar

from ledger.actions import PostReceipt
from ledger.block import Header
from ledger.codec import Codec
from ledger.errors import CodecError, SignatureInvalid
from ledger.hashing import Tags, chain_id_of
from ledger.merkle import transaction_leaf, verify_inclusion
from ledger.outcomes import CODEC as OUTCOME_CODEC
from ledger.outcomes import Outcome
from ledger.proofs.document import (
    AccountBundle,
    AccountPart,
    Bundle,
    OutcomeBundle,
    OutcomePart,
    ReceiptBundle,
    TransactionBundle,
    TransactionPart,
    read_document,
)
from ledger.proofs.faults import Fault, ProofInvalid, Step
from ledger.proofs.finality import FinalBlock, check_finality, follow
from ledger.proofs.trust import Start, Trust, start_of
from ledger.records import Account, Table, state_key
from ledger.state_proof import StateProof, verify_state_proof
from ledger.transaction import CODEC as TRANSACTION_CODEC
from ledger.transaction import SignedTransaction, transaction_id, verify_signature
from ledger.types import Address, ChainId, Hash

T = TypeVar("T")

_ACCOUNT_CODEC = Codec(Account, 64, "account record")


@dataclass(frozen=True, slots=True)
class ProvedTransaction:
    """A transaction of the proved block."""

    transaction_id: Hash
    """Its id; of a receipt it is the receipt's."""
    index: int
    """Its position in the body."""
    signed: SignedTransaction
    """What its sender signed."""


@dataclass(frozen=True, slots=True)
class ProvedOutcome:
    """What the proved block did."""

    index: int
    """Position among its outcomes."""
    outcome: Outcome
    """What happened."""


@dataclass(frozen=True, slots=True)
class ProvedAccount:
    """What an account held after the proved block."""

    address: Address
    """The account."""
    record: Account | None
    """Its record; None: it held nothing."""


Claim = ProvedTransaction | ProvedOutcome | ProvedAccount
"""What a bundle proves beside the block and its validators."""


@dataclass(frozen=True, slots=True)
class Proved:
    """What a bundle proves."""

    chain_id: ChainId
    """The chain."""
    block: FinalBlock
    """The final block, and the validators that made it final."""
    claim: Claim | None
    """What is in the block, or in the state after it; None for `validators`."""


def check_bundle(document: bytes, trust: Trust) -> Proved:
    """Return what a bundle proves to a reader.

    Args:
        document: the JSON document; hostile.
        trust: what the reader brings along.

    Raises:
        ProofInvalid: at the first step that fails.
    """
    bundle = read_document(document)
    start = start_of(trust, bundle.genesis, bundle.since)
    reached = follow(start, bundle.boundaries)
    block = check_finality(start.tags, reached, bundle.finality)
    chain_id = chain_id_of(start.chain_name, start.tags.genesis_digest)
    return Proved(chain_id, block, _check_claim(start, block, bundle))


def _check_claim(start: Start, block: FinalBlock, bundle: Bundle) -> Claim | None:
    if isinstance(bundle, TransactionBundle):
        return _check_transaction(start.tags, block.header, bundle.transaction)
    if isinstance(bundle, ReceiptBundle):
        return _check_receipt(start.tags, block.header, bundle.receipt)
    if isinstance(bundle, OutcomeBundle):
        return _check_outcome(block.header, bundle.outcome)
    if isinstance(bundle, AccountBundle):
        return _check_account(start, block.header, bundle.account)
    return None


def _check_receipt(tags: Tags, header: Header, part: TransactionPart) -> ProvedTransaction:
    proved = _check_transaction(tags, header, part)
    action = proved.signed.transaction.action
    if not isinstance(action, PostReceipt):
        raise ProofInvalid(Step.RECEIPT, Fault.NOT_A_RECEIPT, f"it is a {type(action).__name__}")
    return proved


def _check_transaction(tags: Tags, header: Header, part: TransactionPart) -> ProvedTransaction:
    data = bytes.fromhex(part.signed)
    signed = _decode(TRANSACTION_CODEC, data, Step.INCLUSION, Fault.TRANSACTION_MALFORMED)
    identity = transaction_id(tags, signed.transaction)
    leaf = transaction_leaf(identity, signed.transaction.valid_until_ms, signed.signature)
    root, count = header.transaction_root, header.transaction_count
    _check_inclusion(root, count, leaf, part)
    try:
        verify_signature(tags, identity, signed)
    except SignatureInvalid as error:
        raise ProofInvalid(Step.SIGNATURE, Fault.SIGNATURE_INVALID, str(error)) from None
    return ProvedTransaction(identity, int(part.index), signed)


def _check_outcome(header: Header, part: OutcomePart) -> ProvedOutcome:
    data = bytes.fromhex(part.record)
    outcome = _decode(OUTCOME_CODEC, data, Step.INCLUSION, Fault.OUTCOME_MALFORMED)
    _check_inclusion(header.outcome_root, header.outcome_count, data, part)
    return ProvedOutcome(int(part.index), outcome)


def _check_inclusion(
    root: Hash, count: int, leaf: bytes, part: TransactionPart | OutcomePart
) -> None:
    path = [bytes.fromhex(sibling) for sibling in part.path]
    if not verify_inclusion(root, leaf, int(part.index), count, path):
        detail = f"not number {part.index} of {count} under the root {root.hex()}"
        raise ProofInvalid(Step.INCLUSION, Fault.INCLUSION_MISMATCH, detail)


def _check_account(start: Start, header: Header, part: AccountPart) -> ProvedAccount:
    address = bytes.fromhex(part.address)
    record, value = None, None
    if part.record is not None:
        value = bytes.fromhex(part.record)
        record = _decode(_ACCOUNT_CODEC, value, Step.STATE, Fault.RECORD_MALFORMED)
    proof = StateProof(bytes.fromhex(part.blob), tuple(map(bytes.fromhex, part.siblings)))
    key = state_key(Table.ACCOUNT, address)
    if not verify_state_proof(header.state_root, start.buckets, key, value, proof):
        detail = f"not what is under the state root {header.state_root.hex()}"
        raise ProofInvalid(Step.STATE, Fault.STATE_MISMATCH, detail)
    return ProvedAccount(address, record)


def _decode(codec: Codec[T], data: bytes, step: Step, fault: Fault) -> T:
    try:
        return codec.decode(data)
    except CodecError as error:
        raise ProofInvalid(step, fault, str(error)) from None
