"""A coordinator on a real chain and a real database, which tests may kill and start again."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator.database import Database
from ledger.store import ChainStore, Indexer
from tests.coordinator.world import World


@pytest.fixture(scope="session")
def empty_databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of migrated, empty databases: migrating costs more than most tests."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "chain").mkdir()
    Database(f"sqlite:///{folder}/coordinator.db").close()
    store = ChainStore.open(f"sqlite:///{folder}/chain/chain.db")
    Indexer(store, f"sqlite:///{folder}/chain/index.db").close()
    store.close()
    return folder


@pytest.fixture
def folder(tmp_path: Path, empty_databases: Path) -> Path:
    """Return a folder for one world, with empty databases in it."""
    return shutil.copytree(empty_databases, tmp_path / "world")


@pytest.fixture
async def world(folder: Path) -> AsyncIterator[World]:
    """Return a devnet coordinator that is running."""
    made = World(folder)
    await made.start()
    yield made
    await made.finish()
