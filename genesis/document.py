"""The text form of a specification: a table of plain values, as TOML and JSON both give it.

Amounts are AITBC as decimal text, keys and proofs are hex, addresses are ``ait1…``. Parameters
that are left out have their defaults.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from genesis.errors import FieldInvalid
from genesis.spec import Allocation, GenesisCoordinator, GenesisSpec, GenesisValidator
from ledger.errors import AddressInvalid
from ledger.keys import format_address, parse_address
from ledger.params import BUCKETS_DEFAULT, NAIT_PER_AITBC, Parameters
from ledger.types import Address, Amount

ALLOCATIONS_MAX: Final = 2_000_000
"""Bounds what a file makes the builder hold; far above the consortia that this is made for."""

_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,9}))?", re.ASCII)
_DECIMALS: Final = 9
_REASON: Final = re.compile(
    r"(?P<problem>.*?)(?: - at `(?:key in )?\$\.?(?P<path>[^`]*)`)?", re.DOTALL
)

_Text = Annotated[str, Meta(max_length=256)]


class _ValidatorTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: _Text
    public_key: _Text
    payout: _Text
    possession_proof: _Text


class _CoordinatorTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: _Text
    address: _Text


class _AllocationTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: _Text
    amount: _Text


_ParametersTable: Final = msgspec.defstruct(
    "_ParametersTable",
    [(field.name, int, field.default) for field in msgspec.structs.fields(Parameters)],
    frozen=True,
    forbid_unknown_fields=True,
)


class _SpecTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: _Text
    timestamp_ms: int
    validators: Annotated[list[_ValidatorTable], Meta(max_length=1_000)]
    coordinators: Annotated[list[_CoordinatorTable], Meta(max_length=1_000)] = []
    allocations: Annotated[list[_AllocationTable], Meta(max_length=ALLOCATIONS_MAX)] = []
    parameters: _ParametersTable = _ParametersTable()  # type: ignore[valid-type]
    buckets: int = BUCKETS_DEFAULT


def spec_from_document(document: Mapping[str, object]) -> GenesisSpec:
    """Return the specification that a document states; `checks.check_spec` comes after it.

    Raises:
        FieldInvalid: a key is unknown or missing, or a value has the wrong type or form.
    """
    try:
        table = msgspec.convert(document, _SpecTable)
    except msgspec.ValidationError as error:
        raise _field_error(str(error)) from None
    return GenesisSpec(
        name=table.name,
        timestamp_ms=table.timestamp_ms,
        buckets=table.buckets,
        parameters=Parameters(**msgspec.structs.asdict(table.parameters)),
        validators=tuple(
            _validator(f"validators[{at}]", entry) for at, entry in enumerate(table.validators)
        ),
        coordinators=tuple(
            GenesisCoordinator(entry.name, _address(f"coordinators[{at}].address", entry.address))
            for at, entry in enumerate(table.coordinators)
        ),
        allocations=tuple(
            Allocation(
                _address(f"allocations[{at}].address", entry.address),
                _amount(f"allocations[{at}].amount", entry.amount),
            )
            for at, entry in enumerate(table.allocations)
        ),
    )


def document_of(spec: GenesisSpec) -> dict[str, object]:
    """Return the document of a specification, with every default written out."""
    return {
        "name": spec.name,
        "timestamp_ms": spec.timestamp_ms,
        "buckets": spec.buckets,
        "parameters": {
            name: getattr(spec.parameters, name) for name in Parameters.__struct_fields__
        },
        "validators": [
            {
                "name": validator.name,
                "public_key": validator.public_key.hex(),
                "payout": format_address(validator.payout),
                "possession_proof": validator.possession_proof.hex(),
            }
            for validator in spec.validators
        ],
        "coordinators": [
            {"name": coordinator.name, "address": format_address(coordinator.address)}
            for coordinator in spec.coordinators
        ],
        "allocations": [
            {"address": format_address(entry.address), "amount": format_amount(entry.amount)}
            for entry in spec.allocations
        ],
    }


def format_amount(amount: Amount) -> str:
    """Return nait as AITBC text, with at least two decimals and no needless zeros."""
    whole, part = divmod(amount, NAIT_PER_AITBC)
    decimals = f"{part:0{_DECIMALS}d}".rstrip("0")
    return f"{whole}.{decimals:0<2}"


def _validator(field: str, table: _ValidatorTable) -> GenesisValidator:
    return GenesisValidator(
        name=table.name,
        public_key=_hex(f"{field}.public_key", table.public_key, 32),
        payout=_address(f"{field}.payout", table.payout),
        possession_proof=_hex(f"{field}.possession_proof", table.possession_proof, 64),
    )


def _hex(field: str, text: str, size: int) -> bytes:
    if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text):
        raise FieldInvalid(
            field, f"{text!r} is not {size} bytes of hex", f"Write {2 * size} digits 0-9, a-f"
        )
    return bytes.fromhex(text)


def _address(field: str, text: str) -> Address:
    try:
        return parse_address(text)
    except AddressInvalid as error:
        raise FieldInvalid(field, str(error), "Copy it from: aitbc keys show FILE") from None


def _amount(field: str, text: str) -> Amount:
    match = _AMOUNT.fullmatch(text)
    if not match:
        raise FieldInvalid(
            field,
            f"{text!r} is not an amount of AITBC",
            'Write decimal text with at most 9 decimals, such as "1000.00"',
        )
    whole, decimals = match.groups()
    return int(whole) * NAIT_PER_AITBC + int((decimals or "").ljust(_DECIMALS, "0"))


def _field_error(reason: str) -> FieldInvalid:
    """Turn the decoder's reason into the field's path and the problem."""
    match = _REASON.fullmatch(reason)
    assert match is not None
    problem = match["problem"].replace("Object", "table")
    return FieldInvalid(match["path"] or "", problem[0].lower() + problem[1:], _fix(problem))


def _fix(problem: str) -> str:
    if "unknown field" in problem:
        return "Remove it, or correct its spelling"
    if "missing required field" in problem:
        return "Add it"
    return "Correct its type; amounts, keys, proofs and addresses are text"
