"""Empty databases of both engines for tests, with their tables made already.

Making tables costs more than most tests do, so it is done once: SQLite files are copied, and
databases of a server are made from a template.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from coordinator.database import Database as CoordinatorDatabase
from devnet.network.postgresql import PostgresqlServer
from ledger.store import ChainStore, Indexer

CHAIN, INDEX, COORDINATOR = "chain", "index", "coordinator"
KINDS = (CHAIN, INDEX, COORDINATOR)

TEMPLATE = "template"

SHM_BYTES_MIN = 400 * 1_048_576
"""Free memory in which databases of tests have room; some containers have hardly any."""


class Place(Protocol):
    """Where one node's databases are; they are empty at first."""

    engine: str
    """``sqlite`` or ``postgresql``."""

    def url(self, kind: str) -> str:
        """Return the URL of the database of a kind."""

    def forget(self, kind: str) -> None:
        """Put an empty database in the place of one that nobody has open."""


NewPlace = Callable[[], Place]


@dataclass
class Files:
    """SQLite files in a folder."""

    folder: Path
    engine: str = "sqlite"

    def url(self, kind: str) -> str:
        return f"sqlite:///{self.folder / kind}.db"

    def forget(self, kind: str) -> None:
        (self.folder / f"{kind}.db").unlink()


@dataclass
class ServerDatabase:
    """One database of a server, with a schema for each kind."""

    server: PostgresqlServer
    name: str
    engine: str = "postgresql"

    def url(self, kind: str) -> str:
        return f"{self.server.url(self.name)}&schema={kind}"

    def forget(self, kind: str) -> None:
        self.server.execute(f"DROP SCHEMA {kind} CASCADE", database=self.name)


class ServerTemplate:
    """Makes databases of a server, which are copies of one that has its tables."""

    def __init__(self, server: PostgresqlServer) -> None:
        self._server = server
        self._numbers = itertools.count()
        server.make_database(TEMPLATE)
        make_tables(ServerDatabase(server, TEMPLATE))

    @contextmanager
    def places(self) -> Iterator[NewPlace]:
        """Give what makes new databases; they are dropped at the end."""
        made: list[str] = []

        def new_place() -> ServerDatabase:
            made.append(f"test_{next(self._numbers)}")
            self._server.execute(f"CREATE DATABASE {made[-1]} TEMPLATE {TEMPLATE}")
            return ServerDatabase(self._server, made[-1])

        yield new_place
        # What a test left open must not keep its database.
        self._server.execute(*(f"DROP DATABASE {name} WITH (FORCE)" for name in made))


class SqliteTemplate:
    """Makes folders of SQLite files, which are copies of files that have their tables."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._numbers = itertools.count()
        (base / TEMPLATE).mkdir()
        make_tables(Files(base / TEMPLATE))

    @contextmanager
    def places(self) -> Iterator[NewPlace]:
        """Give what makes new folders; they are deleted at the end."""
        made: list[Path] = []

        def new_place() -> Files:
            made.append(self._base / str(next(self._numbers)))
            shutil.copytree(self._base / TEMPLATE, made[-1])
            return Files(made[-1])

        yield new_place
        for folder in made:
            shutil.rmtree(folder)


def make_tables(place: Place) -> None:
    """Make the tables of all kinds."""
    store = ChainStore.open(place.url(CHAIN))
    Indexer(store, place.url(INDEX)).close()
    store.close()
    CoordinatorDatabase(place.url(COORDINATOR)).close()


@contextmanager
def sqlite_template() -> Iterator[SqliteTemplate]:
    """Give what makes folders: in memory where there is room, since each commit syncs."""
    with tempfile.TemporaryDirectory(prefix="aitbc-tests-", dir=_memory()) as base:
        yield SqliteTemplate(Path(base))


@contextmanager
def temporary_server(program: str) -> Iterator[PostgresqlServer]:
    """Run a server on an empty folder."""
    options = ("--no-sync", "--wal-segsize=1")
    with (
        folder_for_a_server() as folder,
        PostgresqlServer(program, folder / "server", initdb=options) as server,
    ):
        yield server


@contextmanager
def folder_for_a_server() -> Iterator[Path]:
    """Give a folder: in memory where there is room, since each commit syncs."""
    folder = Path(tempfile.mkdtemp(prefix="aitbc-tests-", dir=_memory()))
    # Another user may run the server, who has to find its folder within this one.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> Path | None:
    memory = Path("/dev/shm")
    if not memory.is_dir():
        return None
    free = os.statvfs(memory)
    return memory if free.f_bavail * free.f_frsize >= SHM_BYTES_MIN else None
