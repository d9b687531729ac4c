"""What all tests share: how hard hypothesis searches, and the programs that some tests run."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from devnet.commands.needs import BUBBLEWRAP, C_COMPILER, CHROMIUM, NODE_JS, NPM, POSTGRES, Need

if TYPE_CHECKING:
    # Most parts need no database; they do not wait for its modules.
    from devnet.network.postgresql import PostgresqlServer
    from tests.databases import NewPlace, Place, ServerTemplate, SqliteTemplate

# Time limits belong to pytest: a busy machine is no reason for a property to fail.
settings.register_profile(
    "dev", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
# In CI a commit gives the same answer twice.
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("soak", settings.get_profile("dev"), max_examples=5_000)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


PLACES = {"sqlite": "sqlite_places", "postgresql": "server_places"}
"""Fixtures that make places, by engine."""


LONGEST_FIRST = (
    "devnet/test_devnet.py",
    "devnet/test_scenarios.py",
    "devnet/test_join_guide.py",
    "devnet",
    "api/test_generated_requests.py",
    "node",
    "snapshots",
    "bench",
    "sim",
    "explorer",
    "store",
    "miner",
    "cli",
    "sdk_js",
    "devtools",
    "coordinator",
    "sdk",
    "api",
)
"""Files and parts, the longest files first: begun last, one would leave the other workers idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, then the parts that have long ones."""
    tests = Path(__file__).parent
    ranks = {tests / name: rank for rank, name in enumerate(LONGEST_FIRST)}

    def rank(item: pytest.Item) -> int:
        places = (item.path, *item.path.parents)
        return min(ranks.get(place, len(ranks)) for place in places)

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without searching for garbage: what is imported stays until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium for Playwright's `executable_path`."""
    return _path_of(CHROMIUM)


@pytest.fixture(scope="session")
def bubblewrap() -> str:
    """Path of bubblewrap's program."""
    return _path_of(BUBBLEWRAP)


@pytest.fixture(scope="session")
def c_compiler() -> str:
    """Path of a C compiler."""
    return _path_of(C_COMPILER)


@pytest.fixture(scope="session")
def node_js() -> str:
    """Path of Node.js."""
    return _path_of(NODE_JS)


@pytest.fixture(scope="session")
def npm() -> str:
    """Path of npm."""
    return _path_of(NPM)


@pytest.fixture(scope="session")
def postgres() -> str:
    """Path of PostgreSQL's server program."""
    return _path_of(POSTGRES)


@pytest.fixture(scope="session")
def postgresql(postgres: str) -> "Iterator[PostgresqlServer]":
    """A server of this run's own."""
    from tests.databases import temporary_server  # noqa: PLC0415 - see above

    with temporary_server(postgres) as server:
        yield server


@pytest.fixture(scope="session")
def server_template(postgresql: "PostgresqlServer") -> "ServerTemplate":
    """What makes databases of the server, their tables made already."""
    from tests.databases import ServerTemplate  # noqa: PLC0415 - see above

    return ServerTemplate(postgresql)


@pytest.fixture(scope="session")
def sqlite_template() -> "Iterator[SqliteTemplate]":
    """What makes folders of SQLite files, their tables made already."""
    from tests.databases import sqlite_template  # noqa: PLC0415 - see above

    with sqlite_template() as template:
        yield template


@pytest.fixture
def sqlite_places(sqlite_template: "SqliteTemplate") -> "Iterator[NewPlace]":
    """Make places for a node's databases in files."""
    with sqlite_template.places() as made:
        yield made


@pytest.fixture
def server_places(server_template: "ServerTemplate") -> "Iterator[NewPlace]":
    """Make places for a node's databases in a server."""
    with server_template.places() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest) -> "NewPlace":
    """Make places for a node's databases, of either engine."""
    made: NewPlace = request.getfixturevalue(PLACES[request.param])
    return made


@pytest.fixture
def file_place(sqlite_places: "NewPlace") -> "Place":
    """A place in files: for what takes long and is the same statements in a server."""
    return sqlite_places()


@pytest.fixture
def place(new_place: "NewPlace") -> "Place":
    """A place for a node's databases, of either engine."""
    return new_place()


def _path_of(need: Need) -> str:
    path = need.find()
    if path is None:
        pytest.skip(f"{need.programs[0]} is missing: {need.remedy}")
    return path
