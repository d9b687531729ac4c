"""Genesis files: a specification that people write, and the built genesis that nodes read.

A specification is TOML or JSON. A built genesis is JSON: the specification with every default
written out, and what follows from it, so that two parties can compare one line. Reading it derives
everything again and refuses a file that says something else than its content.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from genesis.build import Genesis, build_genesis
from genesis.document import document_of, spec_from_document
from genesis.errors import DocumentUnreadable, FieldInvalid, GenesisMismatch
from genesis.spec import GenesisSpec

FORMAT: Final = "aitbc-genesis/1"
"""First member of a built genesis."""

FILE_BYTES_MAX: Final = 512 * 1_048_576
"""Two million allocations take about 200 MB; bounds what is read into memory."""


class _BuiltDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A built genesis file."""

    format: str
    chain_id: str
    genesis_digest: str
    block_id: str
    spec: dict[str, object]


def read_spec(path: Path) -> GenesisSpec:
    """Read a specification; JSON if the name ends so, else TOML. Not checked yet.

    Raises:
        GenesisError: it cannot be read as a specification.
    """
    data = read_bytes(path)
    return spec_from_document(_json(data) if path.suffix == ".json" else _toml(data))


def read_genesis(path: Path) -> Genesis:
    """Read a built genesis, check it in full and derive it again.

    Raises:
        GenesisError: refused (S14), or it contradicts itself (`GenesisMismatch`).
    """
    return genesis_from(read_bytes(path))


def genesis_from(data: bytes) -> Genesis:
    """Check the bytes of a built genesis file in full and derive it; see `read_genesis`."""
    try:
        built = msgspec.convert(_json(data), _BuiltDocument)
    except msgspec.ValidationError as error:
        raise FieldInvalid(
            "", f"not a built genesis: {error}", "Make one with: aitbc genesis build SPEC"
        ) from None
    if built.format != FORMAT:
        raise FieldInvalid("format", f"{built.format!r} is unknown", f"This program reads {FORMAT}")
    genesis = build_genesis(spec_from_document(built.spec))
    for field, stated, derived in (
        ("genesis_digest", built.genesis_digest, genesis.digest.hex()),
        ("chain_id", built.chain_id, genesis.chain_id),
        ("block_id", built.block_id, genesis.block_id.hex()),
    ):
        if stated != derived:
            raise GenesisMismatch(
                field,
                f"the file says {stated}, its specification gives {derived}",
                "The file was changed after it was built: get the original, or build it again",
            )
    return genesis


def genesis_text(genesis: Genesis) -> bytes:
    """Return the built genesis as the bytes of its file."""
    document = {
        "format": FORMAT,
        "chain_id": genesis.chain_id,
        "genesis_digest": genesis.digest.hex(),
        "block_id": genesis.block_id.hex(),
        "spec": document_of(genesis.spec),
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, up to `FILE_BYTES_MAX`.

    Raises:
        DocumentUnreadable: it is larger, or cannot be read.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise DocumentUnreadable(
                "", f"{path} is larger than {FILE_BYTES_MAX} bytes", "Is it the right file?"
            )
        return path.read_bytes()
    except OSError as error:
        raise DocumentUnreadable(
            "", f"{path} cannot be read: {error.strerror}", "Correct the path or its permissions"
        ) from None


def _toml(data: bytes) -> Mapping[str, object]:
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        # Besides the decoder's own errors: bytes that are no text, and numbers of 5 000 digits.
        raise DocumentUnreadable("", f"not TOML: {error}", "Correct that line") from None


def _json(data: bytes) -> Mapping[str, object]:
    """Decode an object; unlike the standard decoder, refuse what `_distinct` refuses."""
    try:
        document = json.loads(data.decode(), object_pairs_hook=_distinct, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DocumentUnreadable("", f"not JSON: {error}", "Correct that line") from None
    if not isinstance(document, dict):
        raise DocumentUnreadable("", "not a JSON object", "Put everything into one object")
    return document


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a key that stands there twice, and escapes that are half a character.

    Such a half (a lone surrogate) is a string that no output can carry.
    """
    members: dict[str, object] = {}
    for key, value in pairs:
        if key in members:
            raise ValueError(f"the key {key!r} stands there twice")
        key.encode()
        if isinstance(value, str):
            value.encode()
        members[key] = value
    return members


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not a JSON number")
