"""Checks the registration that a miner signed with its own key."""

from coordinator.errors import TransactionInvalid
from coordinator.miners.model import MinerRegistration, OwnKey
from ledger import least_fee
from ledger.actions import Custody, RegisterMiner, UpdateMiner
from ledger.errors import CodecError, SignatureInvalid
from ledger.hashing import Tags
from ledger.params import Parameters
from ledger.records import Miner
from ledger.transaction import CODEC, SignedTransaction, transaction_id, verify_signature
from ledger.types import ChainId, Hash

Declaration = RegisterMiner | UpdateMiner
"""What enters a miner, or changes what it declares."""

FEE_FACTOR_MAX = 2
"""A sponsored fee is at most so many times the least fee."""


def decode_signed(tags: Tags, chain_id: ChainId, signed: bytes) -> SignedTransaction:
    """Return a transaction of this chain that its sender signed.

    Raises:
        TransactionInvalid: malformed, of another chain, or wrongly signed.
    """
    try:
        transaction = CODEC.decode(signed)
        if transaction.transaction.chain_id != chain_id:
            raise TransactionInvalid.at("/transaction", f"is not for chain {chain_id}")
        verify_signature(tags, transaction_id(tags, transaction.transaction), transaction)
    except (CodecError, SignatureInvalid) as error:
        raise TransactionInvalid.at("/transaction", str(error)) from None
    return transaction


def check_declaration(
    signed: SignedTransaction,
    registration: MinerRegistration,
    digest: Hash,
    standing: Miner | None,
    parameters: Parameters,
) -> None:
    """Check that a signed registration says what the body says.

    Args:
        signed: the miner's transaction.
        registration: the body.
        digest: digest of the body's capabilities document.
        standing: the miner's record on the chain, None if its key is not registered.
        parameters: those in force.

    Raises:
        TransactionInvalid: it says something else; names the field.
    """
    own_key = registration.own_key
    assert own_key is not None
    transaction = signed.transaction
    _expect("sender_public_key", transaction.sender_public_key, own_key.public_key)
    action = transaction.action
    if standing is None:
        if not isinstance(action, RegisterMiner):
            raise _wrong("action", "must be register_miner: this key is not registered")
        _expect("name", action.name, registration.name)
        _expect("custody", action.custody, Custody.OWN)
    elif not isinstance(action, UpdateMiner):
        raise _wrong("action", "must be update_miner: this key is registered")
    _expect("capabilities_digest", action.capabilities_digest, digest)
    _expect("price_floor", action.price_floor, registration.price or 0)
    least = least_fee(parameters, len(own_key.transaction), creates_account=False)
    if not least <= transaction.fee <= least * FEE_FACTOR_MAX:
        raise _wrong("fee", f"must be {least} … {least * FEE_FACTOR_MAX} nait")


def _expect(field: str, found: object, wanted: object) -> None:
    if found != wanted:
        shown = wanted.hex() if isinstance(wanted, bytes) else str(wanted)
        raise _wrong(field, f"must be {shown}")


def _wrong(field: str, message: str) -> TransactionInvalid:
    return TransactionInvalid.at(f"/own_key/transaction/{field}", message)


__all__ = ["Declaration", "OwnKey", "check_declaration", "decode_signed"]
