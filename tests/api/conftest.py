"""Sites that the API tests call."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.api.site import Site, running_site
from tests.coordinator.empty import make_empty_databases


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
    """Return a devnet coordinator on loopback: requests without a key are the demo identity's."""
    async with running_site(folder) as made:
        yield made


@pytest.fixture
async def closed_site(folder: Path) -> AsyncIterator[Site]:
    """Return a coordinator that is no devnet: nobody is anybody without a key."""
    async with running_site(folder, is_devnet=False) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site_of_module(
    tmp_path_factory: pytest.TempPathFactory, empty_databases: Path
) -> AsyncIterator[Site]:
    """Return a devnet coordinator that a module's tests share; for what leaves nothing behind."""
    folder = tmp_path_factory.mktemp("shared") / "site"
    async with running_site(shutil.copytree(empty_databases, folder)) as made:
        yield made
