"""Schema versions: one alembic history for each kind of database.

A database is upgraded when its writer opens it, in one transaction. One that a newer program made
is refused: an older program would misread it.
"""

import threading
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, column, inspect, select, table

from ledger.store.engine import Database
from ledger.store.errors import SchemaTooNew, SchemaTooOld, StoreMissing, WrongStore

if TYPE_CHECKING:
    from alembic.config import Config


class Schema(StrEnum):
    """Kinds of databases; each revision id starts with the kind."""

    CHAIN = "chain"
    """Blocks and state."""
    INDEX = "index"
    """Rows for queries, made from the blocks."""


REVISIONS: Final[dict[Schema, tuple[str, ...]]] = {
    Schema.CHAIN: ("chain_0001", "chain_0002", "chain_0003"),
    Schema.INDEX: (
        "index_0001",
        "index_0002",
        "index_0003",
        "index_0004",
        "index_0005",
        "index_0006",
        "index_0007",
    ),
}
"""Revisions in `migrations`, oldest first. Written down, because to ask alembic takes a second of
every start, and nearly no start has anything to upgrade; a test asks it."""

_FOLDER: Final = Path(__file__).parent / "migrations"

_VERSION: Final = table("alembic_version", column("version_num"))

_alembic_lock: Final = threading.Lock()
# alembic hands revisions their connection through module globals, one upgrade at a time.


def upgrade_schema(database: Database, schema: Schema, revision: str = "head") -> None:
    """Claim a database and bring it to a revision of this program, from nothing if it is empty.

    Raises:
        StoreLocked: another process writes it.
        SchemaTooNew: a newer program made it.
        WrongStore: it is another kind of database.
    """
    database.claim()
    # The reader looks first: a writer's connection would change another program's file.
    with database.reading() as connection:
        current = _check_known(connection, database, schema)
    if current == REVISIONS[schema][-1]:
        return
    from alembic import command  # noqa: PLC0415 - see REVISIONS

    config = alembic_config(schema)
    with database.writing() as connection, _alembic_lock:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def require_schema(database: Database, schema: Schema) -> None:
    """Check that a database has the newest schema that this program knows; for readers.

    Raises:
        StoreMissing: it has no tables yet.
        SchemaTooNew, SchemaTooOld: another version of this program made it.
        WrongStore: it is another kind of database.
    """
    with database.reading() as connection:
        revision = _check_known(connection, database, schema)
    newest = REVISIONS[schema][-1]
    if revision is None:
        raise StoreMissing(f"{database.name} is empty; start the node that writes it first")
    if revision != newest:
        raise SchemaTooOld(
            f"{database.name} has schema {revision}, this program reads {newest}; "
            "start the node once, it upgrades the file"
        )


def alembic_config(schema: Schema) -> "Config":
    """Return alembic's configuration for a kind of database."""
    from alembic.config import Config  # noqa: PLC0415 - see REVISIONS

    config = Config()
    # Percent signs in paths would be read as references to other options.
    options = {
        "script_location": str(_FOLDER),
        "version_locations": str(_FOLDER / schema),
        "path_separator": "newline",
    }
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config


def _check_known(connection: Connection, database: Database, schema: Schema) -> str | None:
    """Return the revision of a database, None if it is empty."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if _VERSION.name not in tables:
        raise WrongStore(f"{database.name} holds tables of another program; name another file")
    revision = str(connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none())
    if not revision.startswith(f"{schema}_"):
        raise WrongStore(
            f"{database.name} has schema {revision} and is no {schema} database; "
            "check which file each URL of the configuration names"
        )
    if revision not in REVISIONS[schema]:
        raise SchemaTooNew(
            f"{database.name} has schema {revision}, made by a newer version of this program "
            f"(this one knows up to {REVISIONS[schema][-1]}); run that version, or name "
            "another file"
        )
    return revision
