"""What a chain begins with: its digest, its name, its first validators, its state tree (S14).

The digest is over the canonical specification, so whoever has those bytes and trusts the 32 bytes
of the digest can read everything else from them. A genesis file holds the specification as JSON;
it is written out in canonical form here, and the digest that the file states has to come of it.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgpack

from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue
from aitbc.field_checks import ADDRESS, AMOUNT_MAX, HASH, TIME, any_text, integer_to, text_like
from aitbc.keys import parse_address
from aitbc.proofs.canonical import decode
from aitbc.proofs.validators import Validator, ValidatorSet, checked_set

FORMAT: Final = "aitbc-genesis/1"
"""First member of a genesis file."""

FILE_BYTES_MAX: Final = 512 * 1_048_576
"""Two million allocations take about 200 MB."""

_SPEC_VERSION: Final = 1
_PARTS: Final = 8
"""Version, name, time, buckets, parameters, validators, coordinators, allocations."""

_NAME: Final = text_like("[a-z0-9-]{1,32}", 32)
_BUCKETS: Final = integer_to(2**20, 2**8)
_PARAMETER: Final = integer_to(AMOUNT_MAX)
_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,9}))?", re.ASCII)

PARAMETERS: Final = (
    "protocol_version",
    "fee_base",
    "fee_per_byte",
    "account_fee",
    "miner_bond_min",
    "dispute_bond",
    "coordinator_share_bp",
    "cancel_bp",
    "attempts_max",
    "horizon_ms",
    "ttl_max_ms",
    "auto_settle_ms",
    "dispute_max_ms",
    "resolve_ms",
    "unbond_ms",
    "delta_ms",
    "heartbeat_ms",
    "halt_gap_ms",
    "gap_grace_ms",
    "epoch_ms",
    "ballot_ms",
    "evidence_ms",
    "block_bytes_max",
    "block_transactions_max",
    "block_weight_max",
)
"""Parameters in wire order."""


@dataclass(frozen=True)
class GenesisFacts:
    """What a checker has to know of a genesis."""

    tags: ChainTags
    """Chain id and digest, and what is hashed and signed for this chain only."""
    timestamp_ms: int
    """Time of block 0."""
    buckets: int
    """Buckets of the state tree."""
    validators: ValidatorSet
    """The first set."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical specification."""
        return self.tags.genesis_digest


def read_genesis_bytes(canonical: bytes, bytes_max: int = FILE_BYTES_MAX) -> GenesisFacts:
    """Return what a canonical specification says.

    Its digest is not compared with anything, and nobody has looked at the set yet: see
    `finality.usable_set`.

    Raises:
        InvalidValue: it is none.
    """
    value = decode("genesis", canonical, bytes_max)
    if not isinstance(value, list) or len(value) != _PARTS:
        raise InvalidValue("genesis", f"must be an array of {_PARTS}")
    version, name, timestamp_ms, buckets, _, members, _, _ = value
    if isinstance(version, bool) or version != _SPEC_VERSION:
        raise InvalidValue("genesis.version", f"must be {_SPEC_VERSION}")
    digest = hashlib.sha256(canonical).digest()
    chain_id = f"{_NAME('genesis.name', name)}-{digest[:8].hex()}"
    return GenesisFacts(
        tags=ChainTags(chain_id, digest),
        timestamp_ms=TIME("genesis.timestamp_ms", timestamp_ms),
        buckets=_power_of_two(buckets),
        validators=ValidatorSet(tuple(_members(members))),
    )


def read_genesis_file(path: Path) -> GenesisFacts:
    """Return what a built genesis file says, after its own digest was found to be true.

    Raises:
        InvalidValue: it cannot be read, is no genesis, or states what does not follow from it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidValue("genesis", f"{path} cannot be read: {error.strerror}") from None
    return read_genesis_document(data)


def read_genesis_document(data: bytes) -> GenesisFacts:
    """Return what the bytes of a genesis file say; see `read_genesis_file`."""
    if len(data) > FILE_BYTES_MAX:
        raise InvalidValue("genesis", f"is larger than {FILE_BYTES_MAX} bytes")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidValue("genesis", f"is no JSON: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidValue("genesis", f"is no built genesis ({FORMAT}): see aitbc genesis build")
    facts = read_genesis_bytes(canonical_genesis(_table("genesis.spec", document.get("spec"))))
    checked_set(facts.validators)
    for field, derived in (
        ("genesis_digest", facts.digest.hex()),
        ("chain_id", facts.tags.chain_id),
    ):
        if document.get(field) != derived:
            raise InvalidValue(f"genesis.{field}", f"does not follow from the file: {derived} does")
    return facts


def canonical_genesis(spec: Mapping[str, object]) -> bytes:
    """Return the canonical bytes of a specification as a genesis file holds it.

    Raises:
        InvalidValue: a member is missing or has another form.
    """
    parameters = _table("genesis.parameters", spec.get("parameters"))
    fields = [
        _SPEC_VERSION,
        _NAME("genesis.name", spec.get("name")),
        TIME("genesis.timestamp_ms", spec.get("timestamp_ms")),
        _power_of_two(spec.get("buckets")),
        [_PARAMETER(f"genesis.parameters.{name}", parameters.get(name)) for name in PARAMETERS],
        [
            [_NAME("name", each.get("name")), _hash(each, "public_key"), _address(each, "payout")]
            for each in _tables("genesis.validators", spec.get("validators"))
        ],
        sorted(
            [_address(each, "address"), _NAME("name", each.get("name"))]
            for each in _tables("genesis.coordinators", spec.get("coordinators"))
        ),
        sorted(
            [_address(each, "address"), _nait(each.get("amount"))]
            for each in _tables("genesis.allocations", spec.get("allocations"))
        ),
    ]
    canonical: bytes = msgpack.packb(fields)
    return canonical


def _members(value: object) -> Sequence[Validator]:
    if not isinstance(value, list):
        raise InvalidValue("genesis.validators", "must be an array")
    members = []
    for each in value:
        if not isinstance(each, list) or len(each) != 3:
            raise InvalidValue("genesis.validators", "each must be an array of 3")
        name, public_key, payout = each
        members.append(
            Validator(
                HASH("genesis.public_key", public_key),
                any_text("genesis.validators.name", name),
                ADDRESS("genesis.payout", payout),
            )
        )
    return members


def _power_of_two(value: object) -> int:
    buckets = _BUCKETS("genesis.buckets", value)
    if buckets & (buckets - 1):
        raise InvalidValue("genesis.buckets", "must be a power of two")
    return buckets


def _table(field: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidValue(field, "must be an object")
    return value


def _tables(field: str, value: object) -> list[Mapping[str, object]]:
    if not isinstance(value, list):
        raise InvalidValue(field, "must be a list")
    return [_table(field, each) for each in value]


def _hash(table: Mapping[str, object], field: str) -> bytes:
    try:
        return HASH(f"genesis.{field}", bytes.fromhex(str(table.get(field))))
    except ValueError:
        raise InvalidValue(f"genesis.{field}", "is not hex") from None


def _address(table: Mapping[str, object], field: str) -> bytes:
    return parse_address(str(table.get(field)))


def _nait(value: object) -> int:
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidValue("genesis.amount", "must be decimal text of AITBC, at most 9 decimals")
    whole, decimals = match.groups()
    return int(whole) * 10**9 + int((decimals or "").ljust(9, "0"))
