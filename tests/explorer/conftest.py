"""What the explorer's tests share: a real chain, really indexed, behind a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.explorer.chains import IndexedChain, build_chain
from tests.explorer.serving import Served, serve


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexedChain]:
    """A chain on which everything has happened once."""
    folder: Path = tmp_path_factory.mktemp("explorer")
    with build_chain(folder) as built:
        yield built


@pytest.fixture(scope="session")
def site(chain: IndexedChain) -> Iterator[Served]:
    """The explorer over that chain, on a socket of its own."""
    with serve(chain) as served:
        yield served
