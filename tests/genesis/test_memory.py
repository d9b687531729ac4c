"""A genesis file is read in full once; what is remembered of it counts for exactly its bytes."""

from dataclasses import replace
from pathlib import Path

import pytest

from genesis import (
    Allocation,
    Genesis,
    GenesisCoordinator,
    GenesisMemory,
    GenesisSpec,
    GenesisValidator,
    build_genesis,
    genesis_text,
    prove_possession,
    read_genesis,
)
from genesis.errors import DocumentUnreadable, GenesisError, GenesisMismatch
from ledger.keys import KeyPair

KEY = KeyPair(b"\x07" * 32)
SPEC = GenesisSpec(
    name="example",
    timestamp_ms=1_767_225_600_000,
    validators=(
        GenesisValidator("north", KEY.public_key, b"\x05" * 20, prove_possession(KEY, "example")),
    ),
    coordinators=(GenesisCoordinator("main", b"\x01" * 20),),
    allocations=(Allocation(b"\x02" * 20, 7), Allocation(b"\x03" * 20, 5)),
    buckets=256,
)


class Place:
    """A genesis file and the memory of it."""

    def __init__(self, folder: Path, spec: GenesisSpec) -> None:
        self.file, self.memory = folder / "genesis.json", folder / "memory"
        self.file.write_bytes(genesis_text(build_genesis(spec)))

    def read(self) -> Genesis:
        reader = GenesisMemory(self.file, self.memory)
        genesis = reader.read()
        reader.keep()
        return genesis


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, SPEC)


def test_a_recalled_genesis_is_the_one_that_was_read_and_derives_no_state(place: Place) -> None:
    read, recalled = place.read(), place.read()
    assert "view" in vars(read), "to read in full is to derive the state"
    assert "view" not in vars(recalled)
    assert recalled.spec == read.spec == SPEC
    assert recalled.digest == read.digest == read_genesis(place.file).digest
    assert recalled.chain_id == read.chain_id
    assert recalled.block == read.block
    assert recalled.records == read.records
    assert recalled.validators == read.view.validators


def test_another_file_is_read_in_full(place: Place) -> None:
    place.read()
    other = replace(SPEC, timestamp_ms=SPEC.timestamp_ms + 1)
    place.file.write_bytes(genesis_text(build_genesis(other)))
    assert place.read().spec == other
    assert place.read().spec == other


def test_a_file_that_was_changed_after_it_was_remembered_is_checked(place: Place) -> None:
    place.read()
    text = place.file.read_text()
    place.file.write_text(text.replace(str(SPEC.timestamp_ms), str(SPEC.timestamp_ms + 1)))
    with pytest.raises(GenesisMismatch):
        place.read()
    place.file.unlink()
    with pytest.raises(DocumentUnreadable):
        place.read()


def test_a_refused_file_is_not_remembered(place: Place) -> None:
    place.file.write_text("{}")
    with pytest.raises(GenesisError):
        place.read()
    assert not place.memory.exists()


def test_a_memory_with_any_byte_changed_or_cut_off_is_not_believed(place: Place) -> None:
    place.read()
    whole = place.memory.read_bytes()
    for at in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        place.memory.write_bytes(damaged)
        assert place.read().spec == SPEC
        assert place.memory.read_bytes() == whole, f"byte {at} was believed"
    for length in (0, 10, 60, 100, len(whole) - 1):
        place.memory.write_bytes(whole[:length])
        assert place.read().spec == SPEC
        assert place.memory.read_bytes() == whole


def test_nothing_is_written_before_it_is_asked_for(place: Place) -> None:
    GenesisMemory(place.file, place.memory).read()
    assert not place.memory.exists()
