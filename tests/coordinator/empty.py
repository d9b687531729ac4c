"""Empty databases of a world, their tables made already: that costs more than most tests."""

from pathlib import Path

from coordinator.database import Database
from ledger.store import ChainStore, Indexer


def make_empty_databases(folder: Path) -> Path:
    """Fill an empty folder with what `World` finds its databases in, to be copied."""
    (folder / "chain").mkdir()
    Database(f"sqlite:///{folder}/coordinator.db").close()
    store = ChainStore.open(f"sqlite:///{folder}/chain/chain.db")
    Indexer(store, f"sqlite:///{folder}/chain/index.db").close()
    store.close()
    return folder
