"""A coordinator on a real chain and a real database, which tests may kill and start again."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.coordinator.empty import make_empty_databases
from tests.coordinator.world import World
from tests.databases import COORDINATOR, NewPlace

ON_BOTH_ENGINES = ("test_job_life", "test_queue", "test_webhook_life")
"""Files whose tests ask most tables in most ways; the others would find little more."""


@pytest.fixture(scope="session")
def empty_databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of migrated, empty databases."""
    return make_empty_databases(tmp_path_factory.mktemp("empty"))


@pytest.fixture
def folder(tmp_path: Path, empty_databases: Path) -> Path:
    """Return a folder for one world, with empty databases in it."""
    return shutil.copytree(empty_databases, tmp_path / "world")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run some files on both engines; called by pytest."""
    if "engine" in metafunc.fixturenames and Path(metafunc.module.__file__).stem in ON_BOTH_ENGINES:
        metafunc.parametrize("engine", ["sqlite", "postgresql"])


@pytest.fixture
def engine() -> str:
    """Return what keeps the coordinator's database: files, where nothing else is said."""
    return "sqlite"


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest) -> str | None:
    """Return where the coordinator's database is; None: in the folder of its world."""
    if engine == "sqlite":
        return None
    new_place: NewPlace = request.getfixturevalue("server_places")
    return new_place().url(COORDINATOR)


@pytest.fixture
async def world(folder: Path, database_url: str | None) -> AsyncIterator[World]:
    """Return a devnet coordinator that is running."""
    made = World(folder, database_url=database_url)
    await made.start()
    yield made
    await made.finish()
