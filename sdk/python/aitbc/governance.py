"""Ballots and evidence: motions, signed statements, and what two of them prove (E5, E6).

On the wire a motion and a statement are arrays that begin with the number of their kind.
"""

from collections.abc import Mapping
from typing import Final

import msgpack
import nacl.bindings
import nacl.exceptions

from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue
from aitbc.field_checks import (
    ADDRESS,
    AMOUNT,
    AMOUNT_MAX,
    HASH,
    SIGNATURE,
    Check,
    FieldValue,
    array_like,
    fixed_array,
    flag,
    integer_to,
    text_like,
)
from aitbc.keys import SigningKey

_NAME: Final = text_like("[a-z0-9-]+", 32)
_VIEW: Final = integer_to(AMOUNT_MAX, 1)

MOTIONS: Final[Mapping[str, tuple[int, Mapping[str, Check]]]] = {
    "add_authority": (
        1,
        {"public_key": HASH, "name": _NAME, "payout": ADDRESS, "possession_proof": SIGNATURE},
    ),
    "remove_authority": (2, {"public_key": HASH}),
    "add_coordinator": (3, {"address": ADDRESS, "name": _NAME}),
    "remove_coordinator": (4, {"address": ADDRESS}),
    "set_parameter": (5, {"name": text_like("[a-z_]+", 32), "value": AMOUNT}),
    "set_protocol_version": (6, {"version": integer_to(65_535, 1)}),
    "resolve_dispute": (7, {"job_id": HASH, "for_miner": flag}),
    "issue_units": (8, {"to": ADDRESS, "amount": AMOUNT}),
}
"""Number and fields, in wire order, of what a ballot can ask."""

_BLOCK: Final[Mapping[str, Check]] = {
    "epoch": AMOUNT,
    "view": _VIEW,
    "parent_view": AMOUNT,
    "block_id": HASH,
}

STATEMENTS: Final[Mapping[str, tuple[int, Mapping[str, Check]]]] = {
    "notarize": (1, _BLOCK),
    "nullify": (2, {"epoch": AMOUNT, "view": _VIEW}),
    "finalize": (3, _BLOCK),
}
"""Number and fields, in wire order, of what a validator can say about a view."""

MOTION: Final = array_like(dict(MOTIONS.values()))
STATEMENT: Final = array_like(dict(STATEMENTS.values()))
SIGNED_STATEMENT: Final = fixed_array({"statement": STATEMENT, "signature": SIGNATURE})

_PURPOSES: Final = {number: name for name, (number, _) in STATEMENTS.items()}
_FORBIDDEN: Final = {(1, 1), (3, 3), (2, 3)}


def motion_array(name: str, /, **values: FieldValue) -> list[FieldValue]:
    """Return the wire array of a motion, for the field `motion` of ``cast_vote``.

    Args:
        name: one of `MOTIONS`.
        values: its fields; keys, addresses and hashes as bytes, amounts in nait.

    Raises:
        InvalidValue: unknown motion, or a field missing, unknown, or out of range.
    """
    if name not in MOTIONS:
        raise InvalidValue("motion", f"{name} is not one of {', '.join(MOTIONS)}")
    number, fields = MOTIONS[name]
    for field in values.keys() ^ fields.keys():
        raise InvalidValue(field, "unknown field" if field in values else "missing field")
    return [number, *(check(field, values[field]) for field, check in fields.items())]


def prove_possession(tags: ChainTags, key: SigningKey, name: str, payout: bytes) -> bytes:
    """Sign that this key's owner wants to be an authority of the chain.

    Args:
        tags: the chain.
        key: the consensus key, which must sign nothing but votes (K5).
        name: shown name.
        payout: account, of another key, that its blocks' fees go to.
    """
    told = [key.public_key, _NAME("name", name), ADDRESS("payout", payout)]
    return key.sign(tags.tag("possession") + msgpack.packb(told))


def check_contradiction(tags: ChainTags, fields: Mapping[str, FieldValue]) -> None:
    """Check that the fields of a ``submit_evidence`` prove what they claim (E5).

    Whether the accused is a validator, and the evidence new and young enough, the chain knows.

    Raises:
        InvalidValue: the statements do not contradict each other, or the accused did not sign
            them for this chain.
    """
    accused = HASH("authority", fields["authority"])
    signed = [SIGNED_STATEMENT(which, fields[which]) for which in ("first", "second")]
    one, two = (_statement(part) for part in signed)
    if one[1:3] != two[1:3] or one == two:
        raise InvalidValue("second", "must be another statement of the same epoch and view")
    if tuple(sorted((_number(one), _number(two)))) not in _FORBIDDEN:
        raise InvalidValue("second", "is one that a validator may sign beside the first")
    for which, (_, signature) in zip(("first", "second"), signed, strict=True):
        statement = one if which == "first" else two
        message = tags.tag(_PURPOSES[_number(statement)]) + msgpack.packb(statement)
        try:
            nacl.bindings.crypto_sign_open(SIGNATURE(which, signature) + message, accused)
        except (nacl.exceptions.CryptoError, ValueError):
            raise InvalidValue(which, "is not signed by the accused for this chain") from None


def _statement(signed: list[FieldValue]) -> list[FieldValue]:
    statement = signed[0]
    assert isinstance(statement, list)
    return statement


def _number(statement: list[FieldValue]) -> int:
    number = statement[0]
    assert isinstance(number, int)
    return number
