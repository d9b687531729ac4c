"""Sites that the API tests call."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
