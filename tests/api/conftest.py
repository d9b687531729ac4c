"""Sites that the API tests call."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.api.site import Site, running_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Return a devnet coordinator on loopback: requests without a key are the demo identity's."""
    async with running_site(tmp_path) as made:
        yield made


@pytest.fixture
async def closed_site(tmp_path: Path) -> AsyncIterator[Site]:
    """Return a coordinator that is no devnet: nobody is anybody without a key."""
    async with running_site(tmp_path, is_devnet=False) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site_of_module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Return a devnet coordinator that a module's tests share; for what leaves nothing behind."""
    async with running_site(tmp_path_factory.mktemp("shared")) as made:
        yield made
