"""Signed transactions: bytes, ids and signatures (T3, T4, T5).

A signed transaction is the array ``[transaction, signature]``, so the unsigned bytes are a slice
of the signed ones: one byte of array header before, a bin-8 header and 64 bytes after. The id is
over the unsigned bytes; caches are keyed by the hash of the full signed bytes (T3).
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ledger.actions import Action
from ledger.codec import Codec, encode
from ledger.errors import SignatureInvalid
from ledger.hashing import Purpose, Tags, sha256, sha256_each
from ledger.keys import ADDRESS_BYTES, KeyPair, address_of, verify
from ledger.params import TRANSACTION_BYTES_MAX, TRANSACTION_VERSION
from ledger.types import Address, Amount, ChainId, Hash, PublicKey, Salt, Signature, TimestampMs

_SIGNATURE_TRAILER: Final = 66
"""Bytes after the unsigned transaction: two of bin-8 header and 64 of signature."""

SIGNATURE_OVERHEAD_BYTES: Final = 1 + _SIGNATURE_TRAILER
"""Bytes of a signed transaction beyond the unsigned one."""


class Transaction(
    msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True
):
    """What is signed."""

    version: int
    """Format version, `TRANSACTION_VERSION`."""
    chain_id: ChainId
    """The chain that it is for; another one refuses it (T4)."""
    sender_public_key: PublicKey
    """Key of the account that acts and pays."""
    action: Action
    """What it does."""
    fee: Amount
    """Nait paid to the proposer; at least base + per byte (T9), 0 for fee-free actions (J10)."""
    valid_until_ms: TimestampMs
    """Last block time at which it may be included."""
    salt: Salt
    """Random; makes the id unique."""

    @property
    def sender(self) -> Address:
        """Address of the account that acts and pays."""
        return address_of(self.sender_public_key)


class SignedTransaction(
    msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True
):
    """A transaction with its signature, as it travels and is stored."""

    transaction: Transaction
    """What is signed."""
    signature: Signature
    """Ed25519 over tag("tx-sign") ‖ id (T5)."""


class IdentifiedTransaction(msgspec.Struct, frozen=True, gc=False):
    """A signed transaction with what follows from its bytes, so that nobody computes it again.

    Not a wire type: `identify` makes it once, and pool, block and commit pass it on.
    """

    content: SignedTransaction
    """What the bytes say."""
    data: bytes
    """Its canonical signed bytes."""
    transaction_id: Hash
    """Its id on one chain; says nothing about the signature."""
    sender: Address
    """Address of the account that acts and pays."""


CODEC: Final = Codec(SignedTransaction, TRANSACTION_BYTES_MAX, "transaction")


def check_version(transaction: Transaction) -> None:
    """Assert the one version that this program writes; decoding refuses others elsewhere."""
    assert transaction.version == TRANSACTION_VERSION


def transaction_id(tags: Tags, transaction: Transaction) -> Hash:
    """Return SHA-256(tag("tx") ‖ unsigned bytes)."""
    return tags.digest(Purpose.TX, encode(transaction))


def transaction_id_of_bytes(tags: Tags, signed: bytes) -> Hash:
    """Return the id of canonical signed bytes without encoding anything again."""
    return sha256(tags.tx + signed[1:-_SIGNATURE_TRAILER])


def identify(
    tags: Tags, content: SignedTransaction, data: bytes | None = None
) -> IdentifiedTransaction:
    """Return a transaction with its bytes, id and sender.

    Args:
        tags: of the chain.
        content: what the bytes say.
        data: its canonical bytes, such as those that `content` was decoded from; None encodes it.
    """
    signed = encode(content) if data is None else data
    transaction_id = transaction_id_of_bytes(tags, signed)
    return IdentifiedTransaction(content, signed, transaction_id, content.transaction.sender)


def identify_each(tags: Tags, contents: Sequence[SignedTransaction]) -> list[IdentifiedTransaction]:
    """Return `identify` of each of several transactions."""
    signed = list(map(encode, contents))
    keys = sha256_each([content.transaction.sender_public_key for content in contents])
    ids = transaction_ids_of_bytes(tags, signed)
    return [
        IdentifiedTransaction(content, data, identity, key_digest[:ADDRESS_BYTES])
        for content, data, identity, key_digest in zip(contents, signed, ids, keys, strict=True)
    ]


def transaction_ids_of_bytes(tags: Tags, signed: Iterable[bytes]) -> list[Hash]:
    """Return the id of each of several transactions by its canonical signed bytes."""
    tag = tags.tx
    return sha256_each([tag + each[1:-_SIGNATURE_TRAILER] for each in signed])


def sign(tags: Tags, transaction: Transaction, key: KeyPair) -> SignedTransaction:
    """Sign with the key whose public half the transaction names (T5)."""
    assert transaction.sender_public_key == key.public_key
    check_version(transaction)
    digest = transaction_id(tags, transaction)
    return SignedTransaction(transaction, key.sign(tags[Purpose.TX_SIGN] + digest))


def verify_signature(tags: Tags, transaction_id: Hash, signed: SignedTransaction) -> None:
    """Check the signature over an id that the caller computed from the same transaction.

    Raises:
        SignatureInvalid: it is not the sender's signature for this chain.
    """
    message = tags[Purpose.TX_SIGN] + transaction_id
    if not verify(signed.transaction.sender_public_key, message, signed.signature):
        raise SignatureInvalid("signature is not the sender's over this transaction and chain")
