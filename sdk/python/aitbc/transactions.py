"""Signed transactions as canonical MessagePack arrays (T3, T4, T5).

Written apart from the node's own code, on the `msgpack` package, so that each checks the other on
the vectors under ``tests/vectors``.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgpack
import nacl.bindings
import nacl.exceptions

from aitbc.actions import ActionArray, read_action
from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue
from aitbc.field_checks import (
    AMOUNT,
    AMOUNT_MAX,
    HASH,
    SIGNATURE,
    TIME,
    TIMESTAMP_MS_MAX,
    FieldValue,
    bytes_of,
    text_like,
)
from aitbc.keys import SigningKey, address_of

VERSION: Final = 1
TRANSACTION_BYTES_MAX: Final = 1_024
SIGNED_OVERHEAD_BYTES: Final = 67
"""Array header, bin header and signature around the unsigned bytes."""

_CHAIN_ID: Final = text_like("[a-z0-9-]{18,}", 49)
_SALT: Final = bytes_of(16)


@dataclass(frozen=True)
class SignedTransaction:
    """A signed transaction ready to send."""

    transaction_id: bytes
    """32-byte id (T5)."""
    signed: bytes
    """Canonical bytes to send."""
    valid_until_ms: int
    """Last block time at which it may be included."""


@dataclass(frozen=True)
class ReadTransaction:
    """A signed transaction of somebody, decoded."""

    transaction_id: bytes
    """32-byte id (T5)."""
    chain_id: str
    """The chain that it is for."""
    sender: bytes
    """Address of the key that signed."""
    sender_public_key: bytes
    """The key that signed."""
    signature: bytes
    """64 bytes over the chain's tag ``tx-sign`` and the id (T5)."""
    action: str
    """Name of the action."""
    fields: Mapping[str, FieldValue]
    """Fields of the action."""
    fee: int
    """Fee in nait."""
    valid_until_ms: int
    """Last block time at which it may be included."""


def transaction_id(tags: ChainTags, signed: bytes) -> bytes:
    """Return the id of canonical signed bytes."""
    return tags.digest("tx", signed[1:-66])


def sign_transaction(
    tags: ChainTags,
    key: SigningKey,
    action: ActionArray,
    *,
    fee: int,
    valid_until_ms: int,
    salt: bytes | None = None,
) -> SignedTransaction:
    """Sign an action.

    Args:
        tags: the chain that it is for.
        key: the sender's key.
        action: from `action_array`.
        fee: nait; see `fee_for`, 0 for actions that are free.
        valid_until_ms: last block time at which it may be included.
        salt: 16 random bytes; made here when None.

    Raises:
        InvalidValue: fee, time or salt is out of range.
    """
    chosen_salt = os.urandom(16) if salt is None else salt
    _SALT("salt", chosen_salt)
    AMOUNT("fee", fee)
    TIME("valid_until_ms", valid_until_ms)
    fields = [VERSION, tags.chain_id, key.public_key, action, fee, valid_until_ms, chosen_salt]
    unsigned = msgpack.packb(fields)
    identifier = tags.digest("tx", unsigned)
    signature = key.sign(tags.tag("tx-sign") + identifier)
    return SignedTransaction(identifier, msgpack.packb([fields, signature]), valid_until_ms)


def read_transaction(tags: ChainTags, signed: bytes) -> ReadTransaction:
    """Decode somebody's signed transaction, and check its form, its chain and its signature.

    Raises:
        InvalidValue: it is not canonical, not of this chain, or not signed by its sender.
    """
    found = decode_transaction(tags, signed)
    if found.chain_id != tags.chain_id:
        raise InvalidValue("chain_id", f"must be {tags.chain_id}")
    if not is_signed(tags, found):
        raise InvalidValue("signature", "is not by the sender")
    return found


def is_signed(tags: ChainTags, transaction: ReadTransaction) -> bool:
    """Return whether a transaction's signature is its sender's, for this chain."""
    message = tags.tag("tx-sign") + transaction.transaction_id
    try:
        nacl.bindings.crypto_sign_open(
            transaction.signature + message, transaction.sender_public_key
        )
    except nacl.exceptions.CryptoError:
        return False
    return True


def decode_transaction(tags: ChainTags, signed: bytes) -> ReadTransaction:
    """Decode somebody's signed transaction; its chain and its signature are not checked.

    Raises:
        InvalidValue: it is not canonical.
    """
    unsigned, signature = _envelope(signed)
    version, chain_id, public_key, action, fee, valid_until_ms, salt = unsigned
    if isinstance(version, bool) or version != VERSION:
        raise InvalidValue("version", f"must be {VERSION}")
    name, fields = read_action(action)
    _SALT("salt", salt)
    signer = HASH("sender_public_key", public_key)
    found = ReadTransaction(
        transaction_id=transaction_id(tags, signed),
        chain_id=_CHAIN_ID("chain_id", chain_id),
        sender=address_of(signer),
        sender_public_key=signer,
        signature=SIGNATURE("signature", signature),
        action=name,
        fields=fields,
        fee=AMOUNT("fee", fee),
        valid_until_ms=TIME("valid_until_ms", valid_until_ms),
    )
    if msgpack.packb([unsigned, signature]) != signed:
        raise InvalidValue("transaction", "is not canonical")
    return found


def _envelope(signed: bytes) -> tuple[list[object], object]:
    if len(signed) > TRANSACTION_BYTES_MAX:
        raise InvalidValue("transaction", f"has more than {TRANSACTION_BYTES_MAX} bytes")
    try:
        value = msgpack.unpackb(signed)
    except (ValueError, RecursionError) as error:
        # The package's errors of form all derive from ValueError, some without a text.
        raise InvalidValue("transaction", str(error) or type(error).__name__) from None
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidValue("transaction", "must be an array of fields and signature")
    unsigned, signature = value
    if not isinstance(unsigned, list) or len(unsigned) != 7:
        raise InvalidValue("transaction", "must have 7 fields")
    return unsigned, signature


def fee_for(action: ActionArray, fee_base: int, fee_per_byte: int, account_fee: int = 0) -> int:
    """Return a fee that covers an action: base, bytes at their largest, and `account_fee` (T9).

    The bytes depend on the fee's own size, so its field is counted at nine bytes.
    """
    longest = [VERSION, "x" * 49, bytes(32), action, AMOUNT_MAX, TIMESTAMP_MS_MAX, bytes(16)]
    size = len(msgpack.packb(longest)) + SIGNED_OVERHEAD_BYTES
    return fee_base + fee_per_byte * size + account_fee
