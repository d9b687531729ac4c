"""Actions and signed transactions as canonical MessagePack arrays.

Written against the format's description and the `msgpack` package, apart from the node's own
code, so that each checks the other on the vectors under ``tests/vectors``.
"""

import os
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue
from aitbc.keys import SigningKey

AMOUNT_MAX: Final = 2**63 - 1
TIMESTAMP_MS_MAX: Final = 2**48 - 1
SIGNED_OVERHEAD_BYTES: Final = 67
"""Array header, bin header and signature around the unsigned bytes."""

UNIT_TYPES: Final = {
    "none": 0,
    "tokens": 1,
    "audio_seconds": 2,
    "images": 3,
    "video_seconds": 4,
    "frames": 5,
    "compute_seconds": 6,
}
"""Unit types of receipts by their wire names."""

REASONS: Final = {
    "UNSPECIFIED": 0,
    "BAD_INPUT": 1,
    "RUNNER_FAILED": 2,
    "MINER_DRAINING": 3,
    "LEASE_EXPIRED": 4,
    "HEARTBEAT_MISSED": 5,
    "NO_PAYLOAD": 6,
    "ATTEMPTS_EXHAUSTED": 7,
    "RESULT_NOT_DELIVERED": 8,
    "RESULT_MALFORMED": 9,
    "NO_SOURCE": 10,
    "PAYLOAD_MISMATCH": 11,
}
"""Reason codes (J21)."""

_ADDRESS, _HASH, _AMOUNT, _TIME, _TEXT, _FLAG = "address", "hash", "amount", "time", "text", "flag"

ACTIONS: Final[dict[str, tuple[int, dict[str, str]]]] = {
    "transfer": (1, {"to": _ADDRESS, "amount": _AMOUNT}),
    "register_miner": (
        2,
        {
            "name": _TEXT,
            "capabilities_digest": _HASH,
            "price_floor": _AMOUNT,
            "bond": _AMOUNT,
            "custody": _AMOUNT,
        },
    ),
    "update_miner": (3, {"capabilities_digest": _HASH, "price_floor": _AMOUNT}),
    "retire_miner": (4, {}),
    "submit_job": (
        5,
        {
            "coordinator": _ADDRESS,
            "service": _TEXT,
            "payload_digest": _HASH,
            "max_price": _AMOUNT,
            "start_by_ms": _TIME,
            "deadline_ms": _TIME,
            "dispute_ms": _TIME,
            "streamed": _FLAG,
            "verification": _AMOUNT,
        },
    ),
    "assign_job": (
        6,
        {
            "job_id": _HASH,
            "attempt": _AMOUNT,
            "miner": _ADDRESS,
            "price_cap": _AMOUNT,
            "unit_type": _AMOUNT,
            "unit_price": _AMOUNT,
            "lease_end_ms": _TIME,
        },
    ),
    "release_job": (7, {"job_id": _HASH, "attempt": _AMOUNT, "reason": _AMOUNT}),
    "post_receipt": (
        8,
        {
            "job_id": _HASH,
            "attempt": _AMOUNT,
            "client": _ADDRESS,
            "coordinator": _ADDRESS,
            "payload_digest": _HASH,
            "price_cap": _AMOUNT,
            "result_digest": _HASH,
            "units_micro": _AMOUNT,
            "unit_type": _AMOUNT,
            "price": _AMOUNT,
            "model": _TEXT,
            "started_ms": _TIME,
            "completed_ms": _TIME,
        },
    ),
    "attest_receipt": (9, {"job_id": _HASH, "receipt_id": _HASH, "kind": _AMOUNT}),
    "accept_receipt": (10, {"job_id": _HASH, "receipt_id": _HASH}),
    "dispute_receipt": (11, {"job_id": _HASH, "receipt_id": _HASH, "reason": _AMOUNT}),
    "fail_job": (12, {"job_id": _HASH, "attempt": _AMOUNT, "reason": _AMOUNT}),
    "cancel_job": (13, {"job_id": _HASH, "compensation_max": _AMOUNT}),
}
"""Number and fields, in wire order, of each action."""

_BYTE_SIZES: Final = {_ADDRESS: 20, _HASH: 32}
_INTEGER_LIMITS: Final = {_AMOUNT: AMOUNT_MAX, _TIME: TIMESTAMP_MS_MAX}


def _checked(field: str, kind: str, value: Any) -> Any:
    if kind in _BYTE_SIZES:
        if not isinstance(value, bytes) or len(value) != _BYTE_SIZES[kind]:
            raise InvalidValue(field, f"must be {_BYTE_SIZES[kind]} bytes")
    elif kind == _FLAG:
        if not isinstance(value, bool):
            raise InvalidValue(field, "must be true or false")
    elif kind == _TEXT:
        if not isinstance(value, str):
            raise InvalidValue(field, "must be text")
    elif isinstance(value, bool) or not isinstance(value, int):
        raise InvalidValue(field, "must be an integer")
    elif not 0 <= value <= _INTEGER_LIMITS[kind]:
        raise InvalidValue(field, f"must be between 0 and {_INTEGER_LIMITS[kind]}")
    return value


def action_array(name: str, /, **values: Any) -> list[Any]:
    """Return the wire array of an action.

    Args:
        name: one of `ACTIONS`.
        values: its fields; addresses and hashes as bytes, amounts in nait, times in ms.

    Raises:
        InvalidValue: unknown action, or a field missing, unknown, or out of range.
    """
    if name not in ACTIONS:
        raise InvalidValue("action", f"{name} is not one of {', '.join(ACTIONS)}")
    number, fields = ACTIONS[name]
    for field in values.keys() ^ fields.keys():
        raise InvalidValue(field, "unknown field" if field in values else "missing field")
    return [number] + [_checked(field, kind, values[field]) for field, kind in fields.items()]


@dataclass(frozen=True)
class SignedTransaction:
    """A signed transaction ready to send."""

    transaction_id: bytes
    """32-byte id (T5)."""
    signed: bytes
    """Canonical bytes to send."""
    valid_until_ms: int
    """Last block time at which it may be included."""


def transaction_id(tags: ChainTags, signed: bytes) -> bytes:
    """Return the id of canonical signed bytes."""
    return tags.digest("tx", signed[1:-66])


def sign_transaction(
    tags: ChainTags,
    key: SigningKey,
    action: list[Any],
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
    """
    chosen_salt = os.urandom(16) if salt is None else salt
    if len(chosen_salt) != 16:
        raise InvalidValue("salt", "must be 16 bytes")
    _checked("fee", _AMOUNT, fee)
    _checked("valid_until_ms", _TIME, valid_until_ms)
    fields = [1, tags.chain_id, key.public_key, action, fee, valid_until_ms, chosen_salt]
    unsigned = msgpack.packb(fields)
    identifier = tags.digest("tx", unsigned)
    signature = key.sign(tags.tag("tx-sign") + identifier)
    return SignedTransaction(identifier, msgpack.packb([fields, signature]), valid_until_ms)


def fee_for(action: list[Any], fee_base: int, fee_per_byte: int, account_fee: int = 0) -> int:
    """Return a fee that covers an action: base, bytes at their largest, and `account_fee` (T9).

    The bytes depend on the fee's own size, so its field is counted at nine bytes.
    """
    longest = [1, "x" * 49, bytes(32), action, AMOUNT_MAX, TIMESTAMP_MS_MAX, bytes(16)]
    size = len(msgpack.packb(longest)) + SIGNED_OVERHEAD_BYTES
    return fee_base + fee_per_byte * size + account_fee
