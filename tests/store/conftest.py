"""What the tests of the store share."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import Place
from tests.store.indexes import Indexed, open_indexed


@pytest.fixture
def indexed(place: Place) -> Iterator[Indexed]:
    """An empty chain store and its index."""
    with open_indexed(place) as opened:
        yield opened


@pytest.fixture
def file_indexed(file_place: Place) -> Iterator[Indexed]:
    """The same in files: for what takes long."""
    with open_indexed(file_place) as opened:
        yield opened


@pytest.fixture
def unsynced_folder() -> Iterator[Callable[[], Path]]:
    """Make new folders in memory where the system has that: for stores that nobody crashes.

    An fsync takes milliseconds, and a property opens many stores.
    """
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as base:
        yield lambda: Path(tempfile.mkdtemp(dir=base))
