"""Genesis specifications: what is refused, under which name, and what the digest covers (S14)."""

from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis import (
    Allocation,
    GenesisCoordinator,
    GenesisSpec,
    GenesisValidator,
    check_spec,
    document_of,
    genesis_digest,
    prove_possession,
    spec_from_document,
)
from genesis.document import format_amount
from genesis.errors import (
    AllocationEmpty,
    AllocationRepeated,
    BucketsInvalid,
    ChainNameInvalid,
    CoordinatorRepeated,
    FieldInvalid,
    GenesisError,
    KeyRolesMixed,
    ParametersInvalid,
    PossessionUnproven,
    SupplyTooLarge,
    TimeInvalid,
    ValidatorCountInvalid,
    ValidatorKeyInvalid,
    ValidatorRepeated,
)
from ledger.keys import KeyPair, format_address
from ledger.params import NAIT_PER_AITBC, PARAMETER_BOUNDS, PROTOCOL_VERSION, Parameters
from ledger.types import SUPPLY_MAX

SMALL_ORDER_KEY = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")

DIGEST = "534396fc7d7c74e464fe08d7f53755e4a3cee9668df16addd0e36c75d2ed3259"


def validator(number: int, chain: str = "example") -> GenesisValidator:
    key = KeyPair(number.to_bytes(32, "big"))
    payout = KeyPair((number + 1_000).to_bytes(32, "big")).address
    return GenesisValidator(f"v{number}", key.public_key, payout, prove_possession(key, chain))


def example(validators: int = 2) -> GenesisSpec:
    return GenesisSpec(
        name="example",
        timestamp_ms=1_767_225_600_000,
        validators=tuple(validator(number) for number in range(1, validators + 1)),
        coordinators=(GenesisCoordinator("main", b"\x01" * 20),),
        allocations=(Allocation(b"\x02" * 20, 5 * NAIT_PER_AITBC), Allocation(b"\x03" * 20, 1)),
        buckets=256,
    )


SPEC = example()


def refused(spec: GenesisSpec, error: type[GenesisError]) -> GenesisError:
    with pytest.raises(error) as caught:
        check_spec(spec)
    assert caught.value.fix
    return caught.value


def test_the_example_is_accepted() -> None:
    check_spec(SPEC)


@pytest.mark.parametrize("name", ["", "Example", "a_b", "a" * 33, "a\n", "é"])
def test_a_name_that_does_not_fit_a_chain_id_is_refused(name: str) -> None:
    assert refused(replace(SPEC, name=name), ChainNameInvalid).field == "name"


@pytest.mark.parametrize("time_ms", [-1, 2**48])
def test_a_time_that_no_timestamp_carries_is_refused(time_ms: int) -> None:
    refused(replace(SPEC, timestamp_ms=time_ms), TimeInvalid)


@pytest.mark.parametrize("buckets", [0, 255, 128, 2**21, 65_535, -256])
def test_buckets_other_than_a_power_of_two_within_bounds_are_refused(buckets: int) -> None:
    refused(replace(SPEC, buckets=buckets), BucketsInvalid)


@pytest.mark.parametrize("name", sorted(PARAMETER_BOUNDS))
def test_each_parameter_is_refused_on_both_sides_of_its_bounds(name: str) -> None:
    low, high = PARAMETER_BOUNDS[name]
    for value in (low - 1, high + 1):
        parameters = msgspec.structs.replace(Parameters(), **{name: value})
        error = refused(replace(SPEC, parameters=parameters), ParametersInvalid)
        assert error.field == f"parameters.{name}"


def test_s13_rules_that_this_program_does_not_know_are_refused_before_they_are_run() -> None:
    future = Parameters(protocol_version=PROTOCOL_VERSION + 1)
    error = refused(replace(SPEC, parameters=future), ParametersInvalid)
    assert error.field == "parameters.protocol_version"
    assert "newer" in error.fix


def test_every_parameter_has_bounds() -> None:
    assert set(PARAMETER_BOUNDS) == set(Parameters.__struct_fields__)


def test_none_and_more_than_a_hundred_validators_are_refused() -> None:
    refused(replace(SPEC, validators=()), ValidatorCountInvalid)
    refused(example(101), ValidatorCountInvalid)
    check_spec(example(100))


@pytest.mark.parametrize("public_key", [bytes(32), b"\xff" * 32, SMALL_ORDER_KEY])
def test_a_key_that_libraries_disagree_about_is_refused(public_key: bytes) -> None:
    weak = replace(validator(1), public_key=public_key)
    error = refused(replace(SPEC, validators=(validator(2), weak)), ValidatorKeyInvalid)
    assert error.field == "validators[1].public_key"


def test_a_proof_for_another_chain_name_or_by_another_key_is_refused() -> None:
    for proof in (validator(1, "other").possession_proof, validator(2).possession_proof, bytes(64)):
        thief = replace(validator(1), possession_proof=proof)
        error = refused(replace(SPEC, validators=(thief,)), PossessionUnproven)
        assert error.field == "validators[0].possession_proof"


def test_two_validators_with_one_key_or_one_name_are_refused() -> None:
    same_key = replace(validator(1), name="other")
    error = refused(replace(SPEC, validators=(validator(1), same_key)), ValidatorRepeated)
    assert error.field == "validators[1].public_key"
    same_name = replace(validator(2), name="v1")
    error = refused(replace(SPEC, validators=(validator(1), same_name)), ValidatorRepeated)
    assert error.field == "validators[1].name"


@pytest.mark.parametrize(
    "twin", [GenesisCoordinator("other", b"\x01" * 20), GenesisCoordinator("main", b"\x09" * 20)]
)
def test_two_coordinators_with_one_address_or_one_name_are_refused(
    twin: GenesisCoordinator,
) -> None:
    refused(replace(SPEC, coordinators=(*SPEC.coordinators, twin)), CoordinatorRepeated)


def test_allocations_are_distinct_not_empty_and_within_the_supply() -> None:
    refused(replace(SPEC, allocations=(*SPEC.allocations, Allocation(b"\x02" * 20, 1))),
            AllocationRepeated)  # fmt: skip
    refused(replace(SPEC, allocations=(Allocation(b"\x02" * 20, 0),)), AllocationEmpty)
    check_spec(replace(SPEC, allocations=(Allocation(b"\x02" * 20, SUPPLY_MAX),)))
    refused(
        replace(SPEC, allocations=(Allocation(b"\x02" * 20, SUPPLY_MAX), Allocation(bytes(20), 1))),
        SupplyTooLarge,
    )


def test_a_validator_key_that_is_also_an_account_is_refused() -> None:
    consensus = KeyPair((1).to_bytes(32, "big")).address
    own_payout = replace(validator(1), payout=consensus)
    for spec, field in (
        (replace(SPEC, validators=(own_payout,)), "validators[0].payout"),
        (
            replace(SPEC, coordinators=(GenesisCoordinator("main", consensus),)),
            "coordinators[0].address",
        ),
        (replace(SPEC, allocations=(Allocation(consensus, 1),)), "allocations[0].address"),
    ):
        assert refused(spec, KeyRolesMixed).field == field


# ---------------------------------------------------------------- digest


def test_the_digest_covers_everything_but_the_proofs() -> None:
    first, second = SPEC.validators
    changed = [
        replace(SPEC, name="example2"),
        replace(SPEC, timestamp_ms=SPEC.timestamp_ms + 1),
        replace(SPEC, buckets=512),
        replace(SPEC, parameters=Parameters(fee_base=7)),
        replace(SPEC, validators=SPEC.validators[::-1]),
        replace(SPEC, validators=(replace(first, name="x"), second)),
        replace(SPEC, validators=(replace(first, payout=bytes(20)), second)),
        replace(SPEC, coordinators=()),
        replace(SPEC, coordinators=(GenesisCoordinator("other", b"\x01" * 20),)),
        replace(SPEC, allocations=SPEC.allocations[:1]),
        replace(SPEC, allocations=(Allocation(b"\x02" * 20, 1), SPEC.allocations[1])),
    ]
    assert len({genesis_digest(spec) for spec in (SPEC, *changed)}) == len(changed) + 1
    unproven = replace(SPEC.validators[0], possession_proof=bytes(64))
    spec = replace(SPEC, validators=(unproven, SPEC.validators[1]))
    assert genesis_digest(spec) == genesis_digest(SPEC)


def test_the_digest_of_the_example_never_changes() -> None:
    """A changed digest splits every existing chain from its genesis file."""
    assert genesis_digest(SPEC).hex() == DIGEST


# ---------------------------------------------------------------- documents

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=32)
addresses = st.binary(min_size=20, max_size=20)


@st.composite
def specifications(draw: st.DrawFn) -> GenesisSpec:
    chain = draw(names)
    owners = draw(st.lists(addresses, unique=True, max_size=4))
    coordinators = draw(st.lists(st.tuples(names, addresses), max_size=2,
                                 unique_by=(lambda c: c[0], lambda c: c[1])))  # fmt: skip
    parameters = {
        name: draw(st.integers(*PARAMETER_BOUNDS[name]))
        for name in draw(st.sets(st.sampled_from(["fee_base", "epoch_ms", "miner_bond_min"])))
    }
    return GenesisSpec(
        name=chain,
        timestamp_ms=draw(st.integers(0, 2**48 - 1)),
        validators=tuple(validator(n, chain) for n in range(1, draw(st.integers(2, 4)))),
        coordinators=tuple(GenesisCoordinator(*c) for c in coordinators),
        allocations=tuple(Allocation(a, draw(st.integers(1, 10**18))) for a in owners),
        parameters=Parameters(**parameters),
        buckets=2 ** draw(st.integers(8, 20)),
    )


@given(specifications())
@settings(max_examples=60)
def test_a_specification_survives_its_document(spec: GenesisSpec) -> None:
    check_spec(spec)
    assert spec_from_document(document_of(spec)) == spec


@given(specifications(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_coordinators_and_allocations_means_nothing(
    spec: GenesisSpec, rng: Random
) -> None:
    shuffled = replace(
        spec,
        coordinators=tuple(rng.sample(spec.coordinators, len(spec.coordinators))),
        allocations=tuple(rng.sample(spec.allocations, len(spec.allocations))),
    )
    assert genesis_digest(shuffled) == genesis_digest(spec)


@pytest.mark.parametrize(
    ("path", "value", "field", "problem"),
    [
        (("extra",), 1, "", "unknown field `extra`"),
        (("name",), 7, "name", "expected `str`"),
        (("timestamp_ms",), "2026", "timestamp_ms", "expected `int`"),
        (("timestamp_ms",), True, "timestamp_ms", "expected `int`"),
        (("validators", 1, "key"), "", "validators[1]", "unknown field `key`"),
        (("validators", 0, "public_key"), "AB" * 32, "validators[0].public_key", "hex"),
        (("validators", 0, "possession_proof"), "ab", "validators[0].possession_proof", "64 bytes"),
        (("allocations", 1, "amount"), 5, "allocations[1].amount", "expected `str`"),
        (("allocations", 1, "amount"), "1e3", "allocations[1].amount", "not an amount"),
        (("allocations", 1, "amount"), "-1", "allocations[1].amount", "not an amount"),
        (("allocations", 1, "amount"), "1.0000000001", "allocations[1].amount", "not an amount"),
        (("allocations", 1, "amount"), "٣", "allocations[1].amount", "not an amount"),
        (("allocations", 0, "address"), "ait1qqqq", "allocations[0].address", "address"),
        (("parameters", "fee_bas"), 1, "parameters", "unknown field `fee_bas`"),
        (("parameters", "fee_base"), "1", "parameters.fee_base", "expected `int`"),
    ],
)
def test_a_wrong_document_is_refused_by_the_name_of_its_field(
    path: tuple[Any, ...], value: object, field: str, problem: str
) -> None:
    document = document_of(SPEC)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(FieldInvalid) as caught:
        spec_from_document(document)
    assert caught.value.field == field
    assert problem in str(caught.value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_no_document_makes_the_reader_fail_otherwise(junk: object) -> None:
    for document in ({"name": junk}, {**document_of(SPEC), "validators": junk},
                     {**document_of(SPEC), "allocations": [junk]}):  # fmt: skip
        with suppress(GenesisError):
            check_spec(spec_from_document(document))


def test_amounts_are_written_as_people_write_money() -> None:
    shown = [format_amount(nait) for nait in (1, 10**9, 15 * 10**8, SUPPLY_MAX, 10**6)]
    assert shown == ["0.000000001", "1.00", "1.50", "4611686018.427387904", "0.001"]


def test_addresses_in_documents_are_text() -> None:
    allocations = document_of(SPEC)["allocations"]
    assert isinstance(allocations, list)
    assert allocations[0] == {"address": format_address(b"\x02" * 20), "amount": "5.00"}
