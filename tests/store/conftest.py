"""What the tests of the store share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.indexes import Indexed, open_indexed


@pytest.fixture
def indexed(tmp_path: Path) -> Iterator[Indexed]:
    """An empty chain store and its index."""
    with open_indexed(tmp_path) as opened:
        yield opened
