"""The history that the explorer is measured over: real, whole, and the same for the same seed."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from bench.explorer_chain import Extent, Maker, make_history
from consensus import CERTIFICATE_CODEC, Committee, leader_shift
from devnet.network.directory import DevnetDirectory
from ledger import apply_block, genesis_view, make_final
from ledger.actions import ACTION_NAMES
from ledger.block import Block
from ledger.store import ChainStore, Indexer, IndexReader

EXTENT = Extent(blocks=60, transactions=900, seed=7)
NODE = "follower-1"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> DevnetDirectory:
    made = DevnetDirectory(tmp_path_factory.mktemp("history"))
    make_history(made, NODE, EXTENT, lambda _: None)
    return made


def test_every_block_is_one_that_a_validator_accepts_with_a_certificate_of_a_quorum(
    directory: DevnetDirectory,
) -> None:
    genesis = Maker(EXTENT.seed).genesis
    spec = genesis.spec
    view = genesis_view(
        genesis.tags, genesis.chain_id, genesis.records, spec.timestamp_ms, spec.buckets
    )
    members = [validator.public_key for validator in spec.validators]
    store = ChainStore.open(f"sqlite:///{directory.data(NODE) / 'chain.db'}")
    actions: Counter[str] = Counter()
    shift = 0
    for stored in store.final_blocks(0, EXTENT.blocks):
        if view.next_epoch != view.header.epoch:
            shift = leader_shift(view.block_id, len(members))
        result = apply_block(view, Block(stored.header, stored.transactions))
        assert result.view.block_id == stored.block_id
        committee = Committee(genesis.tags, view.next_epoch, members, shift=shift)
        head = store.header_at(stored.header.height)
        assert head is not None
        certificate = CERTIFICATE_CODEC.decode(head.certificate)
        committee.check_certificate(certificate)
        assert certificate.statement.block_id == stored.block_id
        assert stored.header.proposer == committee.leader_key(stored.header.view)
        actions.update(ACTION_NAMES[type(each.transaction.action)] for each in stored.transactions)
        view = make_final(view, result.view)
    store.close()
    assert view.header.height == EXTENT.blocks
    assert sum(actions.values()) == EXTENT.transactions
    wanted = {"transfer", "register_miner", "post_offer", "submit_job", "assign_job"}
    assert actions.keys() >= wanted | {"post_receipt", "attest_receipt", "cancel_job"}


def test_the_objects_that_are_named_are_in_the_index(
    directory: DevnetDirectory, tmp_path: Path
) -> None:
    history = make_history(directory, NODE, EXTENT, lambda _: pytest.fail("it was kept"))
    store = ChainStore.open(f"sqlite:///{directory.data(NODE) / 'chain.db'}")
    indexer = Indexer(store, f"sqlite:///{tmp_path}/index.db")
    while indexer.advance():
        pass
    reader = IndexReader(f"sqlite:///{tmp_path}/index.db")
    found = {
        "block": reader.block_by_id,
        "transaction": reader.transaction,
        "job": reader.job,
        "receipt": reader.receipt,
    }
    for kind, find in found.items():
        assert len(history.objects[kind]) > 40, kind
        assert all(find(bytes.fromhex(each)) for each in history.objects[kind]), kind
    for closed in (reader, indexer, store):
        closed.close()


def test_a_seed_decides_everything() -> None:
    heads = []
    for seed in (1, 1, 2):
        maker = Maker(seed)
        for _ in range(4):
            maker.next_block(20)
        heads.append(maker.view.block_id)
    assert heads[0] == heads[1] != heads[2]


def test_a_history_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    directory = DevnetDirectory(tmp_path)
    extent = Extent(blocks=2, transactions=10, seed=1)
    directory.data(NODE).mkdir(parents=True)
    (directory.data(NODE) / "chain.db").write_bytes(b"left behind")
    history = make_history(directory, NODE, extent, lambda _: None)
    assert history.blocks == 2
    kept = msgspec.json.decode((tmp_path / "history.json").read_bytes())
    assert kept["transactions"] == 10
