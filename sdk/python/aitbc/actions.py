"""The actions of transactions, as a table: number, fields in wire order, and what each may hold.

Written against the format's description, apart from the node's own code, so that each checks the
other on the vectors under ``tests/vectors``.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from aitbc.errors import InvalidValue

FieldValue: TypeAlias = bytes | int | str | bool
"""What a field of a transaction holds."""

ActionArray: TypeAlias = list[FieldValue]
"""An action on the wire: its number, then its fields in order."""

AMOUNT_MAX: Final = 2**63 - 1
TIMESTAMP_MS_MAX: Final = 2**48 - 1

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

Check: TypeAlias = Callable[[str, object], FieldValue]
"""Takes a field's name and value, and returns the value if it is allowed."""


def bytes_of(size: int) -> Callable[[str, object], bytes]:
    """Return the check of a field that holds exactly `size` bytes."""

    def check(field: str, value: object) -> bytes:
        if not isinstance(value, bytes) or len(value) != size:
            raise InvalidValue(field, f"must be {size} bytes")
        return value

    return check


def integer_to(high: int, low: int = 0) -> Callable[[str, object], int]:
    """Return the check of an integer field from `low` to `high`."""

    def check(field: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidValue(field, "must be an integer")
        if not low <= value <= high:
            raise InvalidValue(field, f"must be between {low} and {high}")
        return value

    return check


def text_like(pattern: str, length_max: int) -> Callable[[str, object], str]:
    """Return the check of a text field that matches `pattern` as a whole."""
    compiled = re.compile(pattern, re.ASCII)

    def check(field: str, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidValue(field, "must be text")
        if len(value) > length_max or compiled.fullmatch(value) is None:
            raise InvalidValue(field, f"must match {pattern}, at most {length_max} characters")
        return value

    return check


def flag(field: str, value: object) -> bool:
    """Check a field that is true or false."""
    if not isinstance(value, bool):
        raise InvalidValue(field, "must be true or false")
    return value


ADDRESS: Final = bytes_of(20)
HASH: Final = bytes_of(32)
AMOUNT: Final = integer_to(AMOUNT_MAX)
TIME: Final = integer_to(TIMESTAMP_MS_MAX)
_REASON: Final = integer_to(max(REASONS.values()))
_UNIT_TYPE: Final = integer_to(max(UNIT_TYPES.values()))
_RECEIPT: Final[Mapping[str, Check]] = {"job_id": HASH, "receipt_id": HASH}

ACTIONS: Final[Mapping[str, tuple[int, Mapping[str, Check]]]] = {
    "transfer": (1, {"to": ADDRESS, "amount": AMOUNT}),
    "register_miner": (
        2,
        {
            "name": text_like("[A-Za-z0-9][A-Za-z0-9._-]*", 63),
            "capabilities_digest": HASH,
            "price_floor": AMOUNT,
            "bond": AMOUNT,
            "custody": integer_to(1),
        },
    ),
    "update_miner": (3, {"capabilities_digest": HASH, "price_floor": AMOUNT}),
    "retire_miner": (4, {}),
    "submit_job": (
        5,
        {
            "coordinator": ADDRESS,
            "service": text_like("[a-z0-9][a-z0-9_-]*", 32),
            "payload_digest": HASH,
            "max_price": AMOUNT,
            "start_by_ms": TIME,
            "deadline_ms": TIME,
            "dispute_ms": TIME,
            "streamed": flag,
            "verification": integer_to(1),
        },
    ),
    "assign_job": (
        6,
        {
            "job_id": HASH,
            "attempt": AMOUNT,
            "miner": ADDRESS,
            "price_cap": AMOUNT,
            "unit_type": _UNIT_TYPE,
            "unit_price": AMOUNT,
            "lease_end_ms": TIME,
        },
    ),
    "release_job": (7, {"job_id": HASH, "attempt": AMOUNT, "reason": _REASON}),
    "post_receipt": (
        8,
        {
            "job_id": HASH,
            "attempt": AMOUNT,
            "client": ADDRESS,
            "coordinator": ADDRESS,
            "payload_digest": HASH,
            "price_cap": AMOUNT,
            "result_digest": HASH,
            "units_micro": AMOUNT,
            "unit_type": _UNIT_TYPE,
            "price": AMOUNT,
            "model": text_like("[A-Za-z0-9._:/+-]*", 64),
            "started_ms": TIME,
            "completed_ms": TIME,
        },
    ),
    "attest_receipt": (9, {**_RECEIPT, "kind": integer_to(2, 1)}),
    "accept_receipt": (10, _RECEIPT),
    "dispute_receipt": (11, {**_RECEIPT, "reason": _REASON, "bond": AMOUNT}),
    "fail_job": (12, {"job_id": HASH, "attempt": AMOUNT, "reason": _REASON}),
    "cancel_job": (13, {"job_id": HASH, "compensation_max": AMOUNT}),
}
"""Number and fields, in wire order, of each action."""

_NAMES: Final = {number: name for name, (number, _) in ACTIONS.items()}


def action_array(name: str, /, **values: FieldValue) -> ActionArray:
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
    return [number, *(check(field, values[field]) for field, check in fields.items())]


def read_action(array: object) -> tuple[str, dict[str, FieldValue]]:
    """Return the name and fields of an action from its wire array.

    Raises:
        InvalidValue: it is none.
    """
    if not isinstance(array, Sequence) or not array or isinstance(array[0], bool):
        raise InvalidValue("action", "must be an array that begins with a number")
    name = _NAMES.get(array[0]) if isinstance(array[0], int) else None
    if name is None:
        raise InvalidValue("action", "has a number that is not known")
    _, fields = ACTIONS[name]
    if len(array) != 1 + len(fields):
        raise InvalidValue("action", f"{name} has {len(fields)} fields, not {len(array) - 1}")
    values = dict(zip(fields, array[1:], strict=True))
    action_array(name, **values)
    return name, values
