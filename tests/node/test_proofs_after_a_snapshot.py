"""What a node proves that started from a snapshot: all that is final since, and every set."""

from contextlib import closing
from pathlib import Path

import pytest

from ledger.proofs import Trust, check_bundle
from ledger.store import ChainStore, Indexer, IndexReader
from node.proofs import EpochNotFound, ProofPruned, Prover
from node.snapshots import FolderSource, SnapshotWriter, read_manifest, verify_snapshot
from tests.snapshots.signed_chain import FIFTH, SignedChain


def grow_epoch(chain: SignedChain) -> None:
    chain.grow(after_ms=9_000)
    while not chain.view.ends_epoch:
        chain.grow(after_ms=9_000)


def start_from_a_snapshot(chain: SignedChain, folder: Path) -> ChainStore:
    genesis = chain.genesis
    writer = SnapshotWriter(chain.store, genesis.validators, genesis.spec.buckets)
    writer.write(chain.view.header.height, chain.records(), folder / "snapshot")
    source = FolderSource(folder / "snapshot")
    middle = verify_snapshot(source, read_manifest(source, genesis), genesis)
    store = ChainStore.open(f"sqlite:///{folder}/new.db")
    store.adopt(middle)
    return store


def test_a_node_that_started_later_proves_sets_and_says_what_it_does_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SignedChain(tmp_path / "chain")) as chain:
        chain.vote_in(FIFTH)
        for _ in range(3):
            grow_epoch(chain)
        chain.grow()
        with (
            closing(start_from_a_snapshot(chain, tmp_path)) as store,
            closing(Indexer(store, f"sqlite:///{tmp_path}/index.db")),
            closing(IndexReader(f"sqlite:///{tmp_path}/index.db")) as index,
        ):
            prover, header = Prover(store, index, chain.genesis), chain.view.header
            trust = Trust(chain.genesis.digest)
            bundle = prover.validators(header.height, header.epoch, 0)
            assert len(check_bundle(bundle, trust).block.validators.members) == 5
            first = check_bundle(prover.validators(prover.end_of(0), 0, 0), trust)
            assert len(first.block.validators.members) == 4
            sets = [len(prover.members_of(at).members) for at in (0, 1, header.epoch)]
            assert sets == [4, 5, 5]

            def all_ends(_store: ChainStore, _first: int = 0) -> None:
                pytest.fail("to know whether a later epoch ended, all later ends are read")

            monkeypatch.setattr(ChainStore, "epoch_ends", all_ends)
            with pytest.raises(ProofPruned):
                prover.end_of(1)
            with pytest.raises(EpochNotFound):
                prover.end_of(header.epoch)
            with pytest.raises(ProofPruned):
                prover.outcome(1, 0, 0)
