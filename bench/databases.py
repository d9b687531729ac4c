"""Where the databases of a measured node are: SQLite files, or a PostgreSQL server of its own."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.run import MachineLacks
from devnet.commands.needs import POSTGRES
from devnet.network.postgresql import PostgresqlServer

ENGINES: Final = ("sqlite", "postgresql")
"""Engines of a node's databases."""

_NAMES: Final = ("chain", "index")


@contextmanager
def databases_of(engine: str, folder: Path | None) -> Iterator[Mapping[str, str]]:
    """Provide empty databases; the server, if one is needed, runs until the block ends.

    Args:
        engine: one of `ENGINES`.
        folder: where a server writes, which decides the disk; None for the temporary folder.

    Returns:
        Members of the node's ``store`` section; none for SQLite, whose files are in its folder.

    Raises:
        MachineLacks: there is no PostgreSQL server on this machine.
    """
    if engine == "sqlite":
        yield {}
        return
    program = POSTGRES.find()
    if program is None:
        raise MachineLacks(f"there is no PostgreSQL server here; on Debian: {POSTGRES.remedy}")
    with (
        tempfile.TemporaryDirectory(prefix="aitbc-bench-", dir=folder) as place,
        PostgresqlServer(program, Path(place)) as server,
    ):
        for name in _NAMES:
            server.make_database(name)
        yield {f"{name}_url": server.url(name) for name in _NAMES}
