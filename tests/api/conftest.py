"""Sites that the API tests call."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.api.contract import Contract
from tests.api.node_site import (
    NodeSite,
    contract_of_declarations,
    keyless_site_on,
    running_closed_node,
    running_node,
    site_on,
)
from tests.api.site import Site, running_site
from tests.coordinator.empty import make_empty_databases
from tests.processes import NodeProcess


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


@pytest.fixture(scope="session")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """Return the node of this worker's tests; each has names of its own on it."""
    with running_node(tmp_path_factory.mktemp("shared") / "node") as node:
        yield node


@pytest.fixture(scope="session")
def declared() -> Contract:
    """Return what every answer of the shared node is held against."""
    return contract_of_declarations()


@pytest.fixture
def node_site(shared_node: NodeProcess, declared: Contract) -> NodeSite:
    """Return a new client, with a miner of its own, on the shared node's process."""
    return site_on(shared_node, declared)


@pytest.fixture
def demo_site(shared_node: NodeProcess, declared: Contract) -> NodeSite:
    """Return the demo identity on the shared node; its miner has to be registered anew."""
    return keyless_site_on(shared_node, declared)


@pytest.fixture(scope="session")
def closed_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """Return a node of this worker's tests that is no devnet."""
    with running_closed_node(tmp_path_factory.mktemp("closed") / "node") as node:
        yield node


@pytest.fixture
def closed_node_site(closed_node: NodeProcess, declared: Contract) -> NodeSite:
    """Return nobody, on a node that is no devnet."""
    return keyless_site_on(closed_node, declared)
