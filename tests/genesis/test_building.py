"""Building a genesis: what follows from a specification, and files that contradict themselves."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from genesis import (
    Allocation,
    GenesisCoordinator,
    GenesisError,
    GenesisSpec,
    GenesisValidator,
    build_genesis,
    document_of,
    genesis_text,
    prove_possession,
    read_genesis,
    read_spec,
)
from genesis.errors import DocumentUnreadable, FieldInvalid, GenesisMismatch, SupplyTooLarge
from ledger.block import block_id
from ledger.hashing import Tags
from ledger.keys import KeyPair, format_address
from ledger.records import Account, Coordinator, Supply, Table, ValidatorSet, state_key
from ledger.types import SUPPLY_MAX

KEY = KeyPair(b"\x07" * 32)
PAYOUT = KeyPair(b"\x08" * 32).address
SPEC = GenesisSpec(
    name="example",
    timestamp_ms=1_767_225_600_000,
    validators=(
        GenesisValidator("north", KEY.public_key, PAYOUT, prove_possession(KEY, "example")),
    ),
    coordinators=(GenesisCoordinator("main", b"\x01" * 20),),
    allocations=(Allocation(b"\x02" * 20, 7), Allocation(PAYOUT, 5)),
    buckets=256,
)

COORDINATOR_TEXT, OWNER_TEXT = format_address(b"\x01" * 20), format_address(b"\x02" * 20)
SPEC_TOML = f"""
name = "example"
timestamp_ms = 1767225600000
buckets = 256
[[validators]]
name = "north"
public_key = "{KEY.public_key.hex()}"
payout = "{format_address(PAYOUT)}"
possession_proof = "{prove_possession(KEY, "example").hex()}"
[[coordinators]]
name = "main"
address = "{COORDINATOR_TEXT}"
[[allocations]]
address = "{OWNER_TEXT}"
amount = "0.000000007"
[[allocations]]
address = "{format_address(PAYOUT)}"
amount = "0.000000005"
"""


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_chain_id_tags_and_block_0_follow_from_the_digest() -> None:
    genesis = build_genesis(SPEC)
    assert genesis.chain_id == f"example-{genesis.digest[:8].hex()}"
    assert genesis.block_id == block_id(Tags(genesis.digest), genesis.block.header)
    header = genesis.block.header
    assert (header.height, header.epoch, header.view) == (0, 0, 0)
    assert header.chain_id == genesis.chain_id
    assert header.timestamp_ms == SPEC.timestamp_ms
    assert header.state_root == genesis.view.state.root
    assert genesis.block.transactions == ()
    assert genesis.supply == 12


def test_the_first_state_is_what_the_specification_says() -> None:
    records = build_genesis(SPEC).records
    assert records[state_key(Table.PARAMETERS)] == SPEC.parameters
    validators = records[state_key(Table.VALIDATORS)]
    assert isinstance(validators, ValidatorSet)
    assert [(v.name, v.public_key, v.payout) for v in validators.members] == [
        ("north", KEY.public_key, PAYOUT)
    ]
    assert records[state_key(Table.COORDINATOR, b"\x01" * 20)] == Coordinator("main")
    assert records[state_key(Table.ACCOUNT, b"\x02" * 20)] == Account(7)
    assert records[state_key(Table.SUPPLY)] == Supply(build_genesis(SPEC).supply, 0)
    assert len(records) == 6


def test_building_twice_gives_the_same_and_shares_nothing() -> None:
    first, second = build_genesis(SPEC), build_genesis(SPEC)
    assert first.block_id == second.block_id
    assert first.view.state is not second.view.state


def test_a_refused_specification_builds_nothing() -> None:
    with pytest.raises(SupplyTooLarge):
        build_genesis(replace(SPEC, allocations=(Allocation(PAYOUT, SUPPLY_MAX + 1),)))


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    from_toml = read_spec(write(tmp_path / "spec.toml", SPEC_TOML))
    from_json = read_spec(write(tmp_path / "spec.json", json.dumps(document_of(SPEC))))
    assert from_toml == from_json == SPEC


def test_a_built_file_is_read_back_as_the_same_chain(tmp_path: Path) -> None:
    genesis = build_genesis(SPEC)
    again = read_genesis(write(tmp_path / "genesis.json", genesis_text(genesis)))
    assert (again.spec, again.block_id) == (genesis.spec, genesis.block_id)


@pytest.mark.parametrize("field", ["genesis_digest", "chain_id", "block_id"])
def test_a_built_file_that_says_another_digest_is_refused(tmp_path: Path, field: str) -> None:
    document = json.loads(genesis_text(build_genesis(SPEC)))
    document[field] = document[field][:-1] + ("0" if document[field][-1] != "0" else "1")
    with pytest.raises(GenesisMismatch) as caught:
        read_genesis(write(tmp_path / "genesis.json", json.dumps(document)))
    assert caught.value.field == field


def test_a_built_file_whose_content_was_changed_is_refused(tmp_path: Path) -> None:
    document = json.loads(genesis_text(build_genesis(SPEC)))
    document["spec"]["allocations"][0]["amount"] = "1000.00"
    with pytest.raises(GenesisMismatch):
        read_genesis(write(tmp_path / "genesis.json", json.dumps(document)))


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    document = json.loads(genesis_text(build_genesis(SPEC)))
    for change in ({"format": "aitbc-genesis/2"}, {"extra": 1}, {"chain_id": None}):
        with pytest.raises(FieldInvalid):
            read_genesis(write(tmp_path / "genesis.json", json.dumps(document | change)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("spec.toml", SPEC_TOML + 'name = "example"'),
        ("spec.toml", 'name = "a"\nname = "b"'),
        ("spec.toml", b"\xff"),
        ("spec.toml", "timestamp_ms = " + "9" * 5_000),
        ("spec.json", '{"name": "a", "name": "b"}'),
        ("spec.json", '{"name": NaN}'),
        ("spec.json", "[]"),
        ("spec.json", "[" * 100_000),
        ("spec.json", "1" * 10_000),
        ("spec.json", b"\xff\xfe"),
        ("spec.json", '{"\\ud800": 1}'),
        ("spec.json", '{"parameters": {"\\udfff": 1}}'),
    ],
)
def test_text_with_repeated_keys_or_of_another_kind_is_refused(
    tmp_path: Path, name: str, text: str | bytes
) -> None:
    with pytest.raises((DocumentUnreadable, FieldInvalid)):
        read_spec(write(tmp_path / name, text))


def test_half_a_character_in_a_built_file_is_refused_in_words_that_can_be_printed(
    tmp_path: Path,
) -> None:
    document = json.loads(genesis_text(build_genesis(SPEC))) | {"chain_id": "\ud800"}
    with pytest.raises(GenesisError) as caught:
        read_genesis(write(tmp_path / "genesis.json", json.dumps(document)))
    assert str(caught.value).encode()


def test_a_missing_file_is_an_error_of_genesis(tmp_path: Path) -> None:
    with pytest.raises(GenesisError, match="absent"):
        read_spec(tmp_path / "absent.toml")
