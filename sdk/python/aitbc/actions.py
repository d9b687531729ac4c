"""The actions of transactions, as a table: number, fields in wire order, and what each may hold.

Written against the format's description, apart from the node's own code, so that each checks the
other on the vectors under ``tests/vectors``.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from aitbc.errors import InvalidValue
from aitbc.field_checks import (
    ADDRESS,
    AMOUNT,
    HASH,
    TIME,
    Check,
    FieldValue,
    flag,
    integer_to,
    optional,
    text_like,
)
from aitbc.governance import MOTION, SIGNED_STATEMENT

ActionArray: TypeAlias = list[FieldValue]
"""An action on the wire: its number, then its fields in order."""

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

CAPACITY_MAX: Final = 1_000_000
"""Most jobs that an offer takes."""

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
    "post_offer": (
        14,
        {
            "service": text_like("[a-z0-9][a-z0-9_-]*", 32),
            "price": AMOUNT,
            "capacity": integer_to(CAPACITY_MAX, 1),
            "requirements_digest": HASH,
            "expires_ms": TIME,
        },
    ),
    "withdraw_offer": (15, {"offer_id": HASH}),
    "accept_offer": (16, {"job_id": HASH, "offer_id": HASH, "price": AMOUNT}),
    "cast_vote": (
        17,
        {"ballot_id": optional(HASH), "motion": optional(MOTION), "support": flag},
    ),
    "submit_evidence": (
        18,
        {"authority": HASH, "first": SIGNED_STATEMENT, "second": SIGNED_STATEMENT},
    ),
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
