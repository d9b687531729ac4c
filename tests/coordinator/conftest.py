"""A coordinator on a real chain and a real database, which tests may kill and start again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.coordinator.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Return a devnet coordinator that is running."""
    made = World(tmp_path)
    await made.start()
    yield made
    await made.finish()
