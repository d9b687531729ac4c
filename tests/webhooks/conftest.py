"""A site whose webhooks may be on loopback, and a receiver there."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.site import Site, running_site
from tests.coordinator.empty import make_empty_databases
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture(scope="session")
def empty_databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of migrated, empty databases."""
    return make_empty_databases(tmp_path_factory.mktemp("empty"))


@pytest.fixture
def folder(tmp_path: Path, empty_databases: Path) -> Path:
    """Return a folder for one site, with empty databases in it."""
    return shutil.copytree(empty_databases, tmp_path / "site")


@pytest.fixture
async def site(folder: Path) -> AsyncIterator[Site]:
    """Return a devnet coordinator on loopback."""
    async with running_site(folder) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Return a receiver that takes everything."""
    async with receiving() as made:
        yield made
