"""A store and an index in files of the test's own folder."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.store import ChainStore, Indexer, IndexReader
from tests.store.chains import TAGS, Builder


@dataclass
class Indexed:
    """A chain store with an index that follows it."""

    folder: Path
    store: ChainStore
    indexer: Indexer
    reader: IndexReader

    def take(self, builder: Builder, limit: int = 64) -> None:
        """Store a chain's blocks and index them all."""
        self.store.initialise(TAGS, builder.sealed[0].block, {})
        for sealed in builder.sealed:
            sealed.commit_to(self.store)
        self.catch_up(limit)

    def catch_up(self, limit: int = 64) -> None:
        while self.indexer.advance(limit):
            pass


@contextmanager
def open_indexed(folder: Path) -> Iterator[Indexed]:
    """Open a store and an index in a folder; close them at the end."""
    index_url = f"sqlite:///{folder / 'index.db'}"
    with (
        closing(ChainStore.open(f"sqlite:///{folder / 'chain.db'}")) as store,
        closing(Indexer(store, index_url)) as indexer,
        closing(IndexReader(index_url)) as reader,
    ):
        yield Indexed(folder, store, indexer, reader)
