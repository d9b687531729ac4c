"""Byte strings that must not decode, each with the code of the refusal.

They are built from arrays with the `msgpack` package, which writes what it is told, and by hand
where the fault lies in the encoding itself.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgpack

from ledger import block, outcomes, transaction
from ledger.codec import Codec, encode
from ledger.errors import CodecError
from ledger.outcomes import OutcomeKind
from ledger.records import RECORD_CODECS, Table
from ledger.types import AMOUNT_MAX, TIMESTAMP_MS_MAX
from tests.vectors.wire import blocks, sample_records
from tests.vectors.world import Json, pseudo_random, signed_transactions

Case = tuple[str, str, bytes]
"""Wire type, why it is refused, bytes."""

CODECS: Final[dict[str, Codec[Any]]] = {
    "transaction": transaction.CODEC,
    "header": block.HEADER_CODEC,
    "block": block.CODEC,
    "outcome": outcomes.CODEC,
    "account": RECORD_CODECS[Table.ACCOUNT],
    "job": RECORD_CODECS[Table.JOB],
}
"""Decoder of each wire type that cases name."""

CHAIN_ID, KEY, ACTION, FEE, VALID_UNTIL, SALT = 1, 2, 3, 4, 5, 6


def malformed() -> Json:
    """Every refused byte string with its wire type and code."""
    found: list[Json] = []
    for wire_type, why, data in _cases():
        try:
            CODECS[wire_type].decode(data)
        except CodecError as error:
            found.append({"type": wire_type, "why": why, "code": error.code, "bytes": data.hex()})
        else:
            raise AssertionError(f"{wire_type}, {why}: is accepted")
    return found


def _cases() -> Iterator[Case]:
    yield from _transaction_fields()
    yield from _action_fields()
    yield from _encodings()
    yield from _other_types()


def transfer_array() -> list[Any]:
    """Return the signed transfer of the vectors as plain arrays."""
    array: list[Any] = msgpack.unpackb(encode(signed_transactions()[0]))
    return array


def _changed(change: Callable[[list[Any], list[Any]], None]) -> bytes:
    """Return the transfer's bytes after a change to (transaction, action) arrays."""
    array = transfer_array()
    change(array[0], array[0][ACTION])
    packed: bytes = msgpack.packb(array)
    return packed


def _with_field(position: int, value: object) -> bytes:
    return _changed(lambda fields, _: fields.__setitem__(position, value))


def _with_action(action: list[Any] | dict[Any, Any] | None) -> bytes:
    return _with_field(ACTION, action)


def _transaction_fields() -> Iterator[Case]:
    values: list[tuple[str, int, object]] = [
        ("version is text", 0, "1"),
        ("version is a float", 0, 1.0),
        ("chain id is bytes", CHAIN_ID, b"vectors-0011223344556677"),
        ("chain id too short", CHAIN_ID, "v"),
        ("chain id too long", CHAIN_ID, "v" * 50),
        ("chain id in capitals", CHAIN_ID, "VECTORS-0011223344556677"),
        ("chain id ends with a line break", CHAIN_ID, "vectors-0011223344556677\n"),
        ("key of 31 bytes", KEY, bytes(31)),
        ("key of 33 bytes", KEY, bytes(33)),
        ("key is text", KEY, "x" * 32),
        ("action is nil", ACTION, None),
        ("fee is negative", FEE, -1),
        ("fee above 2^63 - 1", FEE, AMOUNT_MAX + 1),
        ("fee is true", FEE, True),
        ("fee is a float", FEE, 6000.0),
        ("fee is decimal text", FEE, "6000"),
        ("expiry is 2^48", VALID_UNTIL, TIMESTAMP_MS_MAX + 1),
        ("expiry is nil", VALID_UNTIL, None),
        ("salt of 15 bytes", SALT, bytes(15)),
        ("salt of 17 bytes", SALT, bytes(17)),
    ]
    for why, position, value in values:
        yield "transaction", why, _with_field(position, value)
    yield "transaction", "field missing", _changed(lambda fields, _: fields.pop())
    yield "transaction", "field too many", _changed(lambda fields, _: fields.append(0))
    array = transfer_array()
    yield "transaction", "signature missing", msgpack.packb([array[0]])
    yield "transaction", "signature of 63 bytes", msgpack.packb([array[0], array[1][:63]])
    yield "transaction", "two signatures", msgpack.packb([*array, array[1]])
    yield "transaction", "unsigned", msgpack.packb(array[0])


def _action_fields() -> Iterator[Case]:
    address, digest = bytes(20), bytes(32)
    wrong: list[tuple[str, list[Any] | dict[Any, Any]]] = [
        ("action 0", [0, address, 1]),
        ("action without a rule yet", [14, address, 1]),
        ("action number is text", ["transfer", address, 1]),
        ("action is a map", {"to": address, "amount": 1}),
        ("action is empty", []),
        ("transfer of a negative amount", [1, address, -1]),
        ("transfer of 2^63", [1, address, AMOUNT_MAX + 1]),
        ("transfer to 19 bytes", [1, address[:19], 1]),
        ("transfer without an amount", [1, address]),
        ("transfer with a field too many", [1, address, 1, 1]),
        ("miner without a name", [2, "", digest, 0, 0, 0]),
        ("miner's name of 64 characters", [2, "a" * 64, digest, 0, 0, 0]),
        ("miner's name with a space", [2, "a b", digest, 0, 0, 0]),
        ("miner's name not in ASCII", [2, "m\u00fcnchen", digest, 0, 0, 0]),
        ("miner's name with a dot first", [2, ".a", digest, 0, 0, 0]),
        ("miner's name ends with a line break", [2, "a\n", digest, 0, 0, 0]),
        ("unknown custody", [2, "a", digest, 0, 0, 2]),
        ("retirement with a field", [4, 0]),
        ("service in capitals", [5, address, "LLM", digest, 1, 2, 3, 0, False, 0]),
        ("streamed is 0", [5, address, "llm", digest, 1, 2, 3, 0, 0, 0]),
        ("unknown verification", [5, address, "llm", digest, 1, 2, 3, 0, False, 2]),
        ("deadline is 2^48", [5, address, "llm", digest, 1, 2, 2**48, 0, False, 0]),
        ("unknown unit type", [6, digest, 1, address, 1, 7, 1, 1]),
        ("attempt of 2^63", [6, digest, 2**63, address, 1, 0, 0, 1]),
        ("unknown reason", [7, digest, 1, 12]),
        ("reason is text", [7, digest, 1, "BAD_INPUT"]),
        ("job id of 31 bytes", [7, digest[:31], 1, 0]),
        ("model's name of 65 characters", [*_receipt()[:11], "m" * 65, 1, 2]),
        ("model's name with a space", [*_receipt()[:11], "a b", 1, 2]),
        ("attestation kind 0", [9, digest, digest, 0]),
        ("attestation kind 3", [9, digest, digest, 3]),
        *_governance_fields(address, digest),
    ]
    for why, action in wrong:
        yield "transaction", why, _with_action(action)


def _governance_fields(
    address: bytes, digest: bytes
) -> list[tuple[str, list[Any] | dict[Any, Any]]]:
    """Return wrong votes, motions and evidence."""
    return [
        ("vote of text", [17, digest, None, "yes"]),
        ("vote on a ballot of 31 bytes", [17, digest[:31], None, True]),
        ("vote without a field for the motion", [17, digest, True]),
        ("motion 0", [17, None, [0, digest], True]),
        ("motion 9", [17, None, [9, digest], True]),
        ("motion is a map", [17, None, {"public_key": digest}, True]),
        ("motion with a field too many", [17, None, [2, digest, 0], True]),
        ("authority's name in capitals", [17, None, [3, address, "Lab"], True]),
        ("authority's name is empty", [17, None, [3, address, ""], True]),
        ("authority's name ends with a line break", [17, None, [3, address, "a\n"], True]),
        ("new authority without a proof", [17, None, [1, digest, "a", address], True]),
        ("parameter of -1", [17, None, [5, "fee_base", -1], True]),
        ("parameter's name with a space", [17, None, [5, "fee base", 1], True]),
        ("protocol version 0", [17, None, [6, 0], True]),
        ("protocol version 65 536", [17, None, [6, 65_536], True]),
        ("ruling for 1", [17, None, [7, digest, 1], True]),
        ("issue of 2^63", [17, None, [8, address, AMOUNT_MAX + 1], True]),
        ("evidence of statement 0", _evidence([0, 1, 1, 0, digest])),
        ("evidence of statement 4", _evidence([4, 1, 1, 0, digest])),
        ("evidence of view 0", _evidence([1, 1, 0, 0, digest])),
        ("evidence of view 2^63", _evidence([2, 1, 2**63])),
        ("evidence with a nullify that names a block", _evidence([2, 1, 1, 0, digest])),
        ("evidence of one statement", _evidence([2, 1, 1])[:3]),
        ("evidence that names its signer by index", [18, 0, *_evidence([2, 1, 1])[2:]]),
    ]


def _evidence(statement: list[Any]) -> list[Any]:
    """Return evidence whose first statement is given, and whose second one is good."""
    signature = bytes(64)
    return [18, bytes(32), [statement, signature], [[3, 1, 1, 0, bytes(32)], signature]]


def _receipt() -> list[Any]:
    address, digest = bytes(20), bytes(32)
    return [8, digest, 1, address, address, digest, 1, digest, 1, 1, 1, "", 1, 2]


def _encodings() -> Iterator[Case]:
    """Yield other byte strings for the value of good ones: each value has one encoding."""
    good = encode(signed_transactions()[0])
    inner, signature = good[1:-66], good[-64:]
    tail = b"\xc4\x40" + signature
    yield "transaction", "empty input", b""
    yield "transaction", "cut off", good[:-1]
    yield "transaction", "trailing byte", good + b"\x00"
    yield "transaction", "twice", good + good
    yield "transaction", "array header of 3 bytes", b"\xdc\x00\x02" + good[1:]
    yield "transaction", "array header of 5 bytes", b"\xdd\x00\x00\x00\x02" + good[1:]
    yield "transaction", "signature with a 3-byte header", good[:-66] + b"\xc5\x00\x40" + signature
    yield "transaction", "signature as text", good[:-66] + b"\xd9\x40" + b"x" * 64
    yield "transaction", "signature as an extension", good[:-66] + b"\xc7\x40\x01" + signature
    yield "transaction", "version in 2 bytes", b"\x92" + inner[:1] + b"\xcc\x01" + inner[2:] + tail
    yield "transaction", "version signed", b"\x92" + inner[:1] + b"\xd0\x01" + inner[2:] + tail
    yield "transaction", "a map", b"\x82" + msgpack.packb(0) + inner + msgpack.packb(1) + tail
    yield (
        "transaction",
        "fee in 8 bytes",
        good.replace(b"\xcd\x17\x70", b"\xcf" + (6000).to_bytes(8, "big")),
    )
    yield "transaction", "fee signed", good.replace(b"\xcd\x17\x70", b"\xd1\x17\x70")
    yield "transaction", "text that is not UTF-8", good.replace(b"vectors-", b"vectors\xff")
    yield "transaction", "an unused byte", b"\xc1" + good[1:]
    yield "transaction", "nested 1 000 deep", b"\x91" * 1_000
    yield "transaction", "an array of 2^32 - 1", b"\xdd\xff\xff\xff\xff" + good[1:]
    yield "transaction", "1 025 bytes", good + bytes(1_025 - len(good))


def _other_types() -> Iterator[Case]:
    good_blocks = blocks()
    assert isinstance(good_blocks, dict)
    listed = good_blocks["blocks"]
    assert isinstance(listed, list)
    first = listed[0]
    assert isinstance(first, dict)
    header, whole = bytes.fromhex(str(first["header_bytes"])), bytes.fromhex(str(first["bytes"]))
    fields: list[Any] = msgpack.unpackb(header)
    yield "header", "trailing byte", header + b"\xc0"
    yield "header", "field too many", msgpack.packb([*fields, b""])
    yield "header", "field missing", msgpack.packb(fields[:-1])
    yield "header", "parent id is nil", msgpack.packb([*fields[:5], None, *fields[6:]])
    yield "header", "height of 2^63", msgpack.packb([*fields[:4], 2**63, *fields[5:]])
    yield "header", "time of 2^48", msgpack.packb([*fields[:7], 2**48, *fields[8:]])
    yield "header", "1 025 bytes", header + bytes(1_025 - len(header))
    yield "block", "body is nil", b"\x92" + header + b"\xc0"
    yield "block", "body missing", b"\x91" + header
    yield "block", "trailing byte", whole + b"\x00"
    yield "block", "an unsigned transaction in the body", msgpack.packb([fields, [[1]]])
    kind, cause, address = int(OutcomeKind.JOB_LOCKED), pseudo_random("cause"), bytes(20)
    yield "outcome", "unknown kind", msgpack.packb([0, cause, cause, 0, [address], [1]])
    yield "outcome", "negative amount", msgpack.packb([kind, cause, cause, 0, [address], [-1]])
    yield "outcome", "party of 19 bytes", msgpack.packb([kind, cause, cause, 0, [bytes(19)], [1]])
    yield "outcome", "513 bytes", msgpack.packb([kind, bytes(505), b"", 0, [], []])
    yield "account", "a bare number", b"\x01"
    yield "account", "balance of 2^63", msgpack.packb([2**63])
    yield "account", "an older field", msgpack.packb([1, 1])
    job = next(record for table, _, record in sample_records() if table == Table.JOB)
    array: list[Any] = msgpack.unpackb(encode(job))
    yield "job", "unknown state", msgpack.packb([*array[:17], 4, *array[18:]])
    yield "job", "share above 10 000", msgpack.packb([*array[:10], 10_001, *array[11:]])
