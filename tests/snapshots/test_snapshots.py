"""A snapshot proves itself from the genesis, and whatever is changed in it is refused."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.actions import Custody, RegisterMiner, Transfer
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.params import HORIZON_MS_MAX
from ledger.state_chunks import CHUNK_CODEC
from ledger.store import ChainStore, Indexer, IndexReader
from ledger.store.errors import AlreadyInitialised
from node.recovery import load_final_view
from node.snapshots import (
    MANIFEST_NAME,
    Checkpoint,
    FolderSource,
    SnapshotError,
    SnapshotForeign,
    SnapshotImpossible,
    SnapshotInvalid,
    SnapshotsDiffer,
    SnapshotUnreadable,
    SnapshotWriter,
    check_agreement,
    read_manifest,
    verify_snapshot,
)
from node.snapshots.format import MANIFEST_CODEC, RECENT_CODEC, chunk_name, recent_name
from tests.snapshots.signed_chain import FIFTH, SignedChain, genesis_of


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[SignedChain]:
    chain = SignedChain(tmp_path / "chain")
    yield chain
    chain.close()


def grow_epochs(chain: SignedChain, epochs: int) -> None:
    """Grow until some epochs have ended, with a transfer in each block."""
    wanted = chain.view.next_epoch + epochs
    while chain.view.next_epoch < wanted:
        chain.grow([chain.transfer()], after_ms=4_000)


def taken(chain: SignedChain, folder: Path) -> FolderSource:
    writer = SnapshotWriter(chain.store, chain.genesis.view.validators, chain.genesis.spec.buckets)
    writer.write(chain.view.header.height, chain.records(), folder)
    return FolderSource(folder)


def adopted(source: FolderSource, chain: SignedChain, folder: Path) -> ChainStore:
    manifest = read_manifest(source, chain.genesis)
    middle = verify_snapshot(source, manifest, chain.genesis)
    folder.mkdir()
    store = ChainStore.open(f"sqlite:///{folder / 'chain.db'}")
    store.adopt(middle)
    return store


def test_a_node_continues_from_a_snapshot_with_what_the_chain_holds(
    chain: SignedChain, tmp_path: Path
):
    grow_epochs(chain, 2)
    chain.vote_in(FIFTH)
    grow_epochs(chain, 2)
    chain.grow([chain.transfer(5)])
    assert len(chain.view.validators.members) == 5
    store = adopted(taken(chain, tmp_path / "snapshot"), chain, tmp_path / "new")
    view = load_final_view(store, chain.genesis.spec.buckets)
    assert view.block_id == chain.view.block_id
    assert view.header == chain.view.header
    assert view.epoch_start_ms == chain.view.epoch_start_ms
    assert view.state.root == chain.view.state.root
    assert dict(view.state.items()) == dict(chain.view.state.items())
    now_ms = view.header.timestamp_ms
    assert sorted(store.recent_ids(now_ms)) == sorted(chain.store.recent_ids(now_ms))
    ends = chain.store.epoch_ends()
    kept = {end.epoch for end in store.epoch_ends()}
    assert kept == {end.epoch for end in ends if end.next_set or end is ends[-1]}
    store.close()


def test_a_snapshot_of_a_snapshot_is_as_good(chain: SignedChain, tmp_path: Path):
    grow_epochs(chain, 1)
    chain.vote_in(FIFTH)
    grow_epochs(chain, 2)
    first = taken(chain, tmp_path / "first")
    store = adopted(first, chain, tmp_path / "new")
    writer = SnapshotWriter(store, chain.genesis.view.validators, chain.genesis.spec.buckets)
    _, records = store.load_records()
    writer.write(store.head().height, records, tmp_path / "second")
    for file in (tmp_path / "first").iterdir():
        assert (tmp_path / "second" / file.name).read_bytes() == file.read_bytes()
    store.close()


def test_a_snapshot_at_the_end_of_an_epoch_starts_the_next(chain: SignedChain, tmp_path: Path):
    grow_epochs(chain, 1)
    chain.vote_in(FIFTH)
    grow_epochs(chain, 1)
    assert chain.view.ends_epoch
    store = adopted(taken(chain, tmp_path / "snapshot"), chain, tmp_path / "new")
    view = load_final_view(store, chain.genesis.spec.buckets)
    assert (view.next_epoch, view.next_epoch_start_ms) == (
        chain.view.next_epoch,
        chain.view.next_epoch_start_ms,
    )
    assert store.epoch_ends()[-1] == chain.store.epoch_ends()[-1]
    store.close()


def recent_heights(source: FolderSource) -> list[int]:
    part = RECENT_CODEC.decode(source.read(recent_name(0)))
    return [block.header.height for block in part.blocks]


def test_recent_blocks_go_back_to_the_first_that_is_older_than_a_horizon(
    chain: SignedChain, tmp_path: Path
):
    for _ in range(5):
        chain.grow(after_ms=HORIZON_MS_MAX // 4)
    assert recent_heights(taken(chain, tmp_path / "young")) == [4, 3, 2, 1]
    for _ in range(2):
        chain.grow(after_ms=HORIZON_MS_MAX // 4)
    assert recent_heights(taken(chain, tmp_path / "old")) == [6, 5, 4, 3, 2]


def test_a_chain_of_many_horizons_can_be_joined_by_snapshots_of_snapshots(
    chain: SignedChain, tmp_path: Path
):
    for _ in range(3):
        for _ in range(9):
            chain.grow([chain.transfer()], after_ms=60_000)
            chain.grow(after_ms=HORIZON_MS_MAX // 4)
        source = taken(chain, tmp_path / f"at {chain.view.header.height}")
        store = adopted(source, chain, tmp_path / f"from {chain.view.header.height}")
        now_ms = chain.view.header.timestamp_ms
        assert sorted(store.recent_ids(now_ms)) == sorted(chain.store.recent_ids(now_ms))
        again = SnapshotWriter(store, chain.genesis.view.validators, chain.genesis.spec.buckets)
        folder = tmp_path / f"again {chain.view.header.height}"
        again.write(store.head().height, store.load_records()[1], folder)
        second = FolderSource(folder)
        verify_snapshot(second, read_manifest(second, chain.genesis), chain.genesis)
        store.close()


def test_a_pruned_node_gives_the_same_snapshot(chain: SignedChain, tmp_path: Path):
    grow_epochs(chain, 3)
    taken(chain, tmp_path / "whole")
    while chain.store.checkpoint(force=True):
        pass
    while chain.store.prune(chain.view.header.height):
        pass
    taken(chain, tmp_path / "pruned")
    for file in (tmp_path / "whole").iterdir():
        assert (tmp_path / "pruned" / file.name).read_bytes() == file.read_bytes()


def test_a_block_without_a_certificate_of_its_own_is_not_made_a_snapshot(
    chain: SignedChain, tmp_path: Path
):
    chain.grow(certified=False)
    with pytest.raises(SnapshotImpossible, match="grow by a block"):
        taken(chain, tmp_path / "snapshot")
    assert not (tmp_path / "snapshot").exists()


def test_an_index_of_a_snapshot_begins_with_the_registered_miners(
    chain: SignedChain, tmp_path: Path
):
    miner = KeyPair(b"\x41" * 32)
    chain.grow([chain.signed(Transfer(miner.address, 10**9))])
    register = RegisterMiner("Gpu-One", bytes(32), 5, 0, Custody.OWN)
    chain.grow([chain.signed(register, miner)])
    chain.grow([chain.transfer()])
    store = adopted(taken(chain, tmp_path / "snapshot"), chain, tmp_path / "new")
    url = f"sqlite:///{tmp_path / 'index.db'}"
    with closing(Indexer(store, url)) as indexer, closing(IndexReader(url)) as reader:
        assert indexer.advance() == 1
        assert reader.block_at(2) is None
        assert reader.block_at(3) is not None
        found = reader.miner_by_name("gpu-one")
        assert found is not None
        assert (found.name, found.miner, found.price_floor) == ("Gpu-One", miner.address, 5)
    store.close()


def test_a_snapshot_is_for_an_empty_store(chain: SignedChain, tmp_path: Path):
    chain.grow()
    source = taken(chain, tmp_path / "snapshot")
    middle = verify_snapshot(source, read_manifest(source, chain.genesis), chain.genesis)
    with pytest.raises(AlreadyInitialised, match="empty"):
        chain.store.adopt(middle)


def test_a_snapshot_of_another_genesis_is_refused_by_name(chain: SignedChain, tmp_path: Path):
    chain.grow()
    source = taken(chain, tmp_path / "snapshot")
    with pytest.raises(SnapshotForeign, match="snap-"):
        read_manifest(source, genesis_of("other"))


def test_a_checkpoint_must_be_in_the_snapshot(chain: SignedChain, tmp_path: Path):
    grow_epochs(chain, 2)
    source = taken(chain, tmp_path / "snapshot")
    manifest = read_manifest(source, chain.genesis)
    known = chain.store.header_at(3)
    verify_snapshot(source, manifest, chain.genesis, checkpoint=Checkpoint(3, known.block_id))
    with pytest.raises(SnapshotsDiffer, match="forged"):
        verify_snapshot(source, manifest, chain.genesis, checkpoint=Checkpoint(3, bytes(32)))
    with pytest.raises(SnapshotInvalid, match="no header of height 999"):
        verify_snapshot(source, manifest, chain.genesis, checkpoint=Checkpoint(999, bytes(32)))


def test_two_valid_chains_that_differ_are_both_refused(tmp_path: Path):
    """More than f validators sign a second history: nobody can tell which one is right (S9)."""
    sources, older = [], []
    for name in ("ours", "theirs"):
        chain = SignedChain(tmp_path / name, genesis_of("twin"))
        chain.grow([chain.transfer(len(name))])
        old = taken(chain, tmp_path / f"{name}-old")
        grow_epochs(chain, 2)
        source = taken(chain, tmp_path / f"{name}-snapshot")
        sources.append((source, read_manifest(source, chain.genesis)))
        older.append((old, read_manifest(old, chain.genesis)))
        chain.close()
    check_agreement(sources[:1] * 2)
    with pytest.raises(SnapshotsDiffer, match="signed both"):
        check_agreement(sources)
    check_agreement([sources[1], older[1]])
    with pytest.raises(SnapshotsDiffer, match="signed both"):
        check_agreement([sources[0], older[1], sources[1]])


def test_a_head_that_ends_an_epoch_is_compared_with_the_boundary_of_another_chain(tmp_path: Path):
    """Chains may end an epoch at different heights: the heads alone show nothing."""
    sources = []
    for name, epochs in (("short", 1), ("longer", 2)):
        chain = SignedChain(tmp_path / name, genesis_of("twin"))
        chain.grow([chain.transfer(len(name))])
        grow_epochs(chain, epochs)
        source = taken(chain, tmp_path / f"{name}-snapshot")
        sources.append((source, read_manifest(source, chain.genesis)))
        chain.close()
    with pytest.raises(SnapshotsDiffer, match="signed both"):
        check_agreement(sources)
    with pytest.raises(SnapshotsDiffer, match="signed both"):
        check_agreement(sources[::-1])


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST_NAME
    manifest = msgspec.structs.replace(MANIFEST_CODEC.decode(path.read_bytes()), **changes)
    path.write_bytes(encode(manifest))


def refused(chain: SignedChain, folder: Path) -> SnapshotError:
    source = FolderSource(folder)
    with pytest.raises(SnapshotError) as caught:
        verify_snapshot(source, read_manifest(source, chain.genesis), chain.genesis)
    return caught.value


@pytest.fixture
def snapshot(chain: SignedChain, tmp_path: Path) -> Path:
    """A snapshot after epochs, one of which changed the set."""
    grow_epochs(chain, 1)
    chain.vote_in(FIFTH)
    grow_epochs(chain, 2)
    chain.grow([chain.transfer(5)])
    taken(chain, tmp_path / "snapshot")
    return tmp_path / "snapshot"


def test_a_finalization_by_less_than_a_quorum_is_refused(chain: SignedChain, snapshot: Path):
    manifest = MANIFEST_CODEC.decode((snapshot / MANIFEST_NAME).read_bytes())
    weak = msgspec.structs.replace(manifest.certificate, entries=manifest.certificate.entries[:3])
    rewrite(snapshot, certificate=weak)
    assert "3 votes" in str(refused(chain, snapshot))


def test_a_left_out_boundary_is_noticed(chain: SignedChain, snapshot: Path):
    manifest = MANIFEST_CODEC.decode((snapshot / MANIFEST_NAME).read_bytes())
    assert len(manifest.boundaries) == 2
    for left in ((), manifest.boundaries[:1], manifest.boundaries[1:], manifest.boundaries[::-1]):
        rewrite(snapshot, boundaries=left)
        assert isinstance(refused(chain, snapshot), SnapshotInvalid)


def test_validators_of_an_old_set_cannot_make_a_later_head_final(
    chain: SignedChain, snapshot: Path
):
    """Ex-validators are not counted after a set change."""
    manifest = MANIFEST_CODEC.decode((snapshot / MANIFEST_NAME).read_bytes())
    first, second = manifest.boundaries
    old_set = first.next_set if second.next_set == first.next_set else second.next_set
    genesis_set = chain.genesis.view.validators
    assert old_set != genesis_set
    forged = msgspec.structs.replace(first, next_set=genesis_set)
    rewrite(snapshot, boundaries=(forged, second))
    assert "next set" in str(refused(chain, snapshot))


def test_a_state_with_another_balance_is_refused(chain: SignedChain, snapshot: Path):
    path = snapshot / chunk_name(0)
    chunk = CHUNK_CODEC.decode(path.read_bytes())
    key, _ = chunk.entries[0]
    entries = ((key, b"\x91\x01"), *chunk.entries[1:])
    path.write_bytes(encode(msgspec.structs.replace(chunk, entries=entries)))
    assert "not part of the state" in str(refused(chain, snapshot))


def test_hidden_recent_transactions_are_noticed(chain: SignedChain, snapshot: Path):
    """Whoever hides one could have it executed twice."""
    path = snapshot / recent_name(0)
    part = RECENT_CODEC.decode(path.read_bytes())
    bare = msgspec.structs.replace(part.blocks[0], leaves=b"")
    path.write_bytes(encode(msgspec.structs.replace(part, blocks=(bare, *part.blocks[1:]))))
    assert "leaves" in str(refused(chain, snapshot))
    path.write_bytes(encode(msgspec.structs.replace(part, blocks=part.blocks[:-1])))
    assert "too early" in str(refused(chain, snapshot))
    path.write_bytes(encode(msgspec.structs.replace(part, blocks=part.blocks[1:])))
    assert "parent" in str(refused(chain, snapshot))


def test_a_head_with_another_body_is_refused(chain: SignedChain, snapshot: Path):
    manifest = MANIFEST_CODEC.decode((snapshot / MANIFEST_NAME).read_bytes())
    other = (chain.transfer(6),)
    rewrite(snapshot, head=msgspec.structs.replace(manifest.head, transactions=other))
    assert "transactions" in str(refused(chain, snapshot))


def test_a_missing_part_is_named(chain: SignedChain, snapshot: Path):
    (snapshot / chunk_name(0)).unlink()
    error = refused(chain, snapshot)
    assert isinstance(error, SnapshotUnreadable)
    assert chunk_name(0) in str(error)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_flipped_byte_passes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    chain, whole = _flippable(tmp_path_factory)
    folder = tmp_path_factory.mktemp("flip") / "snapshot"
    shutil.copytree(whole, folder)
    path = folder / data.draw(st.sampled_from(sorted(each.name for each in whole.iterdir())))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    refused(chain, folder)


_MADE: list[tuple[SignedChain, Path]] = []


def _flippable(factory: pytest.TempPathFactory) -> tuple[SignedChain, Path]:
    if not _MADE:
        folder = factory.mktemp("whole")
        chain = SignedChain(folder / "chain")
        grow_epochs(chain, 1)
        taken(chain, folder / "snapshot")
        chain.close()
        _MADE.append((chain, folder / "snapshot"))
    return _MADE[0]
