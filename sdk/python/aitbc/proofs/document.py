"""A proof bundle as a document: its form, its members and their bounds."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from aitbc.errors import ProofInvalid
from aitbc.proofs.header import HEADER_BYTES_MAX
from aitbc.proofs.records import OUTCOME_BYTES_MAX
from aitbc.proofs.trees import FLAT_BYTES_MAX, PATH_MAX
from aitbc.proofs.validators import SET_BYTES_MAX
from aitbc.transactions import TRANSACTION_BYTES_MAX

FORMAT: Final = "aitbc-proof/1"
"""First member of a bundle."""

DOCUMENT_BYTES_MAX: Final = 16 * 1_048_576
"""Longest bundle that is looked at."""

KINDS: Final = ("receipt", "transaction", "outcome", "account", "validators")
"""What a bundle can prove."""

SPECIFICATION_BYTES_MAX: Final = 1_048_576
"""Longest genesis specification that a bundle carries."""

CERTIFICATE_BYTES_MAX: Final = 8_192
ACCOUNT_RECORD_BYTES_MAX: Final = 64
CHAIN_MAX: Final = 1_024
"""Most boundaries, and most headers."""

SIBLINGS_MAX: Final = 66
SIBLING_BYTES_MAX: Final = 480

_Item = TypeVar("_Item")

_HEX: Final = re.compile("(?:[0-9a-f]{2})*")
_NUMBER: Final = re.compile("0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Since:
    """The set that the chain of sets starts with, instead of the genesis'."""

    epoch: int
    """Epoch whose set it is."""
    members: bytes
    """The set."""


@dataclass(frozen=True)
class Boundary:
    """The last block of an epoch at whose end the set changed."""

    header: bytes
    """Its header."""
    certificate: bytes
    """Its finalization."""
    next_set: bytes
    """The validators of the next epoch."""


@dataclass(frozen=True)
class Included:
    """A transaction or an outcome, and its way up to its tree's root."""

    data: bytes
    """Signed transaction, or outcome record."""
    index: int
    """Place among the block's."""
    path: tuple[bytes, ...]
    """Siblings from the leaf up."""


@dataclass(frozen=True)
class StatePart:
    """An account's record, or its absence, and the way up to the state root."""

    address: bytes
    """The account."""
    record: bytes | None
    """Its record; None where it has none."""
    blob: bytes
    """Entries of the part of the tree that it belongs to."""
    siblings: tuple[bytes, ...]
    """From that part up to the root."""


Subject: TypeAlias = Included | StatePart | None
"""What is proved, beyond the block itself."""


@dataclass(frozen=True)
class Bundle:
    """A bundle's members. Nothing of it is believed."""

    kind: str
    """One of `KINDS`."""
    digest: bytes
    """Genesis digest of the chain."""
    specification: bytes | None
    """What hashes to the digest."""
    since: Since | None
    """Where the chain of sets starts, None for the genesis."""
    boundaries: tuple[Boundary, ...]
    """Ends of epochs, oldest first."""
    headers: tuple[bytes, ...]
    """From the proved block to the one that is certified."""
    certificate: bytes
    """Finalization of the last header."""
    subject: Subject
    """What is proved of the block."""


def read_bundle(data: bytes) -> Bundle:
    """Return the members of a bundle.

    Raises:
        ProofInvalid: the document has another form, or something in it is beyond its bound.
    """
    if len(data) > DOCUMENT_BYTES_MAX:
        raise ProofInvalid("DOCUMENT_TOO_LARGE", f"it is longer than {DOCUMENT_BYTES_MAX} bytes")
    try:
        document = json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed("", f"is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise _malformed("", "is no JSON object")
    for name in ("format", "kind"):
        if name not in document:
            raise _malformed(name, "is missing")
    told, kind = _text("format", document["format"]), _text("kind", document["kind"])
    if told != FORMAT or kind not in KINDS:
        raise ProofInvalid("FORMAT_UNKNOWN", f"{told[:32]!r} {kind[:32]!r} is not known here")
    names = ("format", "kind", "genesis", "since", "boundaries", "finality")
    members = _members("", document, *names, *((kind,) if kind in _SUBJECTS else ()))
    genesis = _members("genesis", members["genesis"], "digest", "specification")
    finality = _members("finality", members["finality"], "headers", "certificate")
    specification = genesis["specification"]
    return Bundle(
        kind=kind,
        digest=_exactly("genesis.digest", genesis["digest"], 32),
        specification=None
        if specification is None
        else _hex("genesis.specification", specification, SPECIFICATION_BYTES_MAX),
        since=None if members["since"] is None else _since(members["since"]),
        boundaries=_list("boundaries", members["boundaries"], CHAIN_MAX, _boundary),
        headers=_headers(finality["headers"]),
        certificate=_hex("finality.certificate", finality["certificate"], CERTIFICATE_BYTES_MAX),
        subject=_SUBJECTS[kind](kind, members[kind]) if kind in _SUBJECTS else None,
    )


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member stands twice in an object")
    return members


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def _since(value: object) -> Since:
    members = _members("since", value, "epoch", "set")
    return Since(
        _number("since.epoch", members["epoch"]), _hex("since.set", members["set"], SET_BYTES_MAX)
    )


def _boundary(field: str, value: object) -> Boundary:
    members = _members(field, value, "header", "certificate", "next_set")
    return Boundary(
        _hex(f"{field}.header", members["header"], HEADER_BYTES_MAX),
        _hex(f"{field}.certificate", members["certificate"], CERTIFICATE_BYTES_MAX),
        _hex(f"{field}.next_set", members["next_set"], SET_BYTES_MAX),
    )


def _headers(value: object) -> tuple[bytes, ...]:
    headers = _list("finality.headers", value, CHAIN_MAX, _header)
    if not headers:
        raise _malformed("finality.headers", "is empty")
    return headers


def _header(field: str, value: object) -> bytes:
    return _hex(field, value, HEADER_BYTES_MAX)


def _transaction(field: str, value: object) -> Included:
    return _included(field, value, "signed", TRANSACTION_BYTES_MAX)


def _outcome(field: str, value: object) -> Included:
    return _included(field, value, "record", OUTCOME_BYTES_MAX)


def _included(field: str, value: object, name: str, bytes_max: int) -> Included:
    members = _members(field, value, name, "index", "path")
    return Included(
        _hex(f"{field}.{name}", members[name], bytes_max),
        _number(f"{field}.index", members["index"]),
        _list(f"{field}.path", members["path"], PATH_MAX, _digest),
    )


def _account(field: str, value: object) -> StatePart:
    members = _members(field, value, "address", "record", "blob", "siblings")
    record = members["record"]
    blob = _hex(f"{field}.blob", members["blob"], FLAT_BYTES_MAX)
    if len(blob) % 64:
        raise _malformed(f"{field}.blob", "is not whole entries of 64 bytes")
    return StatePart(
        _exactly(f"{field}.address", members["address"], 20),
        None if record is None else _hex(f"{field}.record", record, ACCOUNT_RECORD_BYTES_MAX),
        blob,
        _list(f"{field}.siblings", members["siblings"], SIBLINGS_MAX, _sibling),
    )


def _digest(field: str, value: object) -> bytes:
    return _exactly(field, value, 32)


def _sibling(field: str, value: object) -> bytes:
    return _hex(field, value, SIBLING_BYTES_MAX)


_SUBJECTS: Final[dict[str, Callable[[str, object], Subject]]] = {
    "receipt": _transaction,
    "transaction": _transaction,
    "outcome": _outcome,
    "account": _account,
}
"""How the member that is named like its kind is read; validators have none."""


def _list(
    field: str, value: object, count_max: int, read: Callable[[str, object], _Item]
) -> tuple[_Item, ...]:
    if not isinstance(value, list) or len(value) > count_max:
        raise _malformed(field, f"is no list of at most {count_max}")
    return tuple(read(f"{field}[{at}]", each) for at, each in enumerate(value))


def _members(field: str, value: object, *names: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _malformed(field, "is no object")
    for name in names:
        if name not in value:
            raise _malformed(f"{field}.{name}".lstrip("."), "is missing")
    for name in value:
        if name not in names:
            raise _malformed(f"{field}.{name[:32]!a}".lstrip("."), "is not known")
    return value


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise _malformed(field, "is no text")
    return value


def _hex(field: str, value: object, bytes_max: int) -> bytes:
    text = _text(field, value)
    if len(text) > 2 * bytes_max:
        raise _malformed(field, f"has more than {bytes_max} bytes")
    if _HEX.fullmatch(text) is None:
        raise _malformed(field, "is not lower-case hex of whole bytes")
    return bytes.fromhex(text)


def _exactly(field: str, value: object, size: int) -> bytes:
    data = _hex(field, value, size)
    if len(data) != size:
        raise _malformed(field, f"is not {size} bytes")
    return data


def _number(field: str, value: object) -> int:
    text = _text(field, value)
    if _NUMBER.fullmatch(text) is None or int(text) >= 2**63:
        raise _malformed(field, "is no whole number below 2^63, as decimal text")
    return int(text)


def _malformed(field: str, reason: str) -> ProofInvalid:
    return ProofInvalid("DOCUMENT_MALFORMED", f"{field or 'it'} {reason}")
