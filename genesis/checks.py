"""The conditions under which a genesis is refused (S14), one function each.

Fields are named as paths into the document, counted from 0 as its reader counts array entries.
"""

import re
from collections.abc import Hashable, Iterable, Iterator
from typing import Final

from genesis.errors import (
    AllocationEmpty,
    AllocationRepeated,
    BucketsInvalid,
    ChainNameInvalid,
    CoordinatorRepeated,
    FieldInvalid,
    KeyRolesMixed,
    ParametersInvalid,
    PossessionUnproven,
    SupplyTooLarge,
    TimeInvalid,
    ValidatorCountInvalid,
    ValidatorKeyInvalid,
    ValidatorRepeated,
)
from genesis.spec import GenesisSpec, proves_possession
from ledger.errors import KeyInvalid
from ledger.keys import address_of, check_public_key, format_address
from ledger.params import PROTOCOL_VERSION, VALIDATORS_MAX, parameter_faults
from ledger.types import SUPPLY_MAX, TIMESTAMP_MS_MAX

NAME: Final = re.compile(r"[a-z0-9-]{1,32}")
"""Names of chains, validators and coordinators."""

BUCKETS_MIN: Final = 2**8
"""Fewer buckets would make ordinary states split them at once."""

BUCKETS_MAX: Final = 2**20
"""More buckets cost 64 MiB of digests in every node."""


def check_spec(spec: GenesisSpec) -> None:
    """Check a specification in full (S14).

    Raises:
        GenesisError: the subclass names the condition, the text the field and the fix.
    """
    _check_chain(spec)
    _check_parameters(spec)
    _check_validators(spec)
    _check_coordinators(spec)
    _check_allocations(spec)
    _check_roles(spec)


def _check_chain(spec: GenesisSpec) -> None:
    if not NAME.fullmatch(spec.name):
        raise ChainNameInvalid(
            "name",
            f"{spec.name!r} is not a chain name",
            "Use 1 to 32 of the characters a-z, 0-9 and -",
        )
    if not 0 <= spec.timestamp_ms <= TIMESTAMP_MS_MAX:
        raise TimeInvalid(
            "timestamp_ms",
            f"{spec.timestamp_ms} is outside 0 … {TIMESTAMP_MS_MAX}",
            "Give milliseconds since 1970-01-01 UTC",
        )
    if not BUCKETS_MIN <= spec.buckets <= BUCKETS_MAX or spec.buckets & (spec.buckets - 1):
        raise BucketsInvalid(
            "buckets",
            f"{spec.buckets} is not a power of two in {BUCKETS_MIN} … {BUCKETS_MAX}",
            "Leave it out for 65536",
        )


def _check_parameters(spec: GenesisSpec) -> None:
    faults = parameter_faults(spec.parameters)
    if faults:
        name, _, problem = faults[0].partition(": ")
        raise ParametersInvalid(
            f"parameters.{name}", problem, "Leave it out for the default, or choose within bounds"
        )
    if spec.parameters.protocol_version > PROTOCOL_VERSION:
        raise ParametersInvalid(
            "parameters.protocol_version",
            f"this program knows the rules up to version {PROTOCOL_VERSION} (S13)",
            "Install a newer program, or choose a version that this one knows",
        )


def _check_validators(spec: GenesisSpec) -> None:
    count = len(spec.validators)
    if not 1 <= count <= VALIDATORS_MAX:
        raise ValidatorCountInvalid(
            "validators", f"{count} validators", f"Name 1 to {VALIDATORS_MAX}"
        )
    for at, validator in enumerate(spec.validators):
        field = f"validators[{at}]"
        _check_name(f"{field}.name", validator.name)
        try:
            check_public_key(validator.public_key)
        except KeyInvalid as error:
            raise ValidatorKeyInvalid(
                f"{field}.public_key", str(error), "Make one with: aitbc keys new --role validator"
            ) from None
        if not proves_possession(validator, spec.name):
            raise PossessionUnproven(
                f"{field}.possession_proof",
                f"not a signature of this key for the chain name {spec.name!r}",
                "Its owner makes one with: aitbc genesis prove --key FILE --chain NAME",
            )
    for at in _repeated(validator.public_key for validator in spec.validators):
        raise ValidatorRepeated(
            f"validators[{at}].public_key",
            "another validator has this key",
            "A validator votes once: give each its own key",
        )
    for at in _repeated(validator.name for validator in spec.validators):
        raise ValidatorRepeated(
            f"validators[{at}].name", "another validator has this name", "Choose another name"
        )


def _check_coordinators(spec: GenesisSpec) -> None:
    for at, coordinator in enumerate(spec.coordinators):
        _check_name(f"coordinators[{at}].name", coordinator.name)
    for at in _repeated(coordinator.address for coordinator in spec.coordinators):
        raise CoordinatorRepeated(
            f"coordinators[{at}].address", "another coordinator has this address", "Name it once"
        )
    for at in _repeated(coordinator.name for coordinator in spec.coordinators):
        raise CoordinatorRepeated(
            f"coordinators[{at}].name", "another coordinator has this name", "Choose another name"
        )


def _check_allocations(spec: GenesisSpec) -> None:
    for at, allocation in enumerate(spec.allocations):
        if allocation.amount < 1:
            raise AllocationEmpty(
                f"allocations[{at}].amount", "nothing is allocated", "Leave the entry out"
            )
    for at in _repeated(allocation.address for allocation in spec.allocations):
        raise AllocationRepeated(
            f"allocations[{at}].address",
            f"{format_address(spec.allocations[at].address)} has an allocation already",
            "Add the amounts up in one entry",
        )
    supply = sum(allocation.amount for allocation in spec.allocations)
    if supply > SUPPLY_MAX:
        raise SupplyTooLarge(
            "allocations",
            f"they sum to {supply} nait, more than {SUPPLY_MAX}",
            "Allocate at most 4611686018.427387904 in all",
        )


def _check_roles(spec: GenesisSpec) -> None:
    """Refuse a validator key that is an account: a consensus key signs votes and no more (K5)."""
    consensus = {address_of(validator.public_key) for validator in spec.validators}
    accounts = [
        *((f"validators[{at}].payout", v.payout) for at, v in enumerate(spec.validators)),
        *((f"coordinators[{at}].address", c.address) for at, c in enumerate(spec.coordinators)),
        *((f"allocations[{at}].address", a.address) for at, a in enumerate(spec.allocations)),
    ]
    for field, address in accounts:
        if address in consensus:
            raise KeyRolesMixed(
                field,
                "this is the address of a validator's consensus key",
                "Make an account with: aitbc keys new --role account",
            )


def _check_name(field: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise FieldInvalid(
            field, f"{name!r} is not a name", "Use 1 to 32 of the characters a-z, 0-9 and -"
        )


def _repeated(values: Iterable[Hashable]) -> Iterator[int]:
    """Yield the positions of values that stood before."""
    seen = set()
    for at, value in enumerate(values):
        if value in seen:
            yield at
        seen.add(value)
