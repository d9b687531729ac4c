"""Schema versions: one alembic history for each kind of database.

A database is upgraded when its writer opens it, in one transaction. One that a newer program made
is refused: an older program would misread it.
"""

import threading
from enum import StrEnum
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from ledger.store.engine import Database
from ledger.store.errors import SchemaTooNew, SchemaTooOld, StoreMissing, WrongStore


class Schema(StrEnum):
    """Kinds of databases; each revision id starts with the kind."""

    CHAIN = "chain"
    """Blocks and state."""
    INDEX = "index"
    """Rows for queries, made from the blocks."""


_FOLDER: Final = Path(__file__).parent / "migrations"

_alembic_lock: Final = threading.Lock()
# alembic hands revisions their connection through module globals, one upgrade at a time.


def upgrade_schema(database: Database, schema: Schema, revision: str = "head") -> None:
    """Bring a database to a revision of this program, making its tables if it is empty.

    Raises:
        SchemaTooNew: a newer program made it.
        WrongStore: it is another kind of database.
    """
    config = _config(schema)
    scripts = ScriptDirectory.from_config(config)
    # The reader looks first: a writer's connection would change another program's file.
    with database.reading() as connection:
        current = _check_known(connection, database, schema, scripts)
    if current == scripts.get_current_head():
        return
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
        scripts = ScriptDirectory.from_config(_config(schema))
        revision = _check_known(connection, database, schema, scripts)
    if revision is None:
        raise StoreMissing(f"{database.name} is empty; start the node that writes it first")
    if revision != scripts.get_current_head():
        raise SchemaTooOld(
            f"{database.name} has schema {revision}, this program reads "
            f"{scripts.get_current_head()}; start the node once, it upgrades the file"
        )


def revisions(schema: Schema) -> list[str]:
    """Return the revisions of a history, oldest first."""
    scripts = ScriptDirectory.from_config(_config(schema))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def _check_known(
    connection: Connection, database: Database, schema: Schema, scripts: ScriptDirectory
) -> str | None:
    """Return the revision of a database, None if it is empty."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        if inspect(connection).get_table_names():
            raise WrongStore(f"{database.name} holds tables of another program; name another file")
        return None
    if not revision.startswith(f"{schema}_"):
        raise WrongStore(
            f"{database.name} has schema {revision} and is no {schema} database; "
            "check which file each URL of the configuration names"
        )
    if revision not in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaTooNew(
            f"{database.name} has schema {revision}, made by a newer version of this program "
            f"(this one knows up to {scripts.get_current_head()}); run that version, or name "
            "another file"
        )
    return revision


def _config(schema: Schema) -> Config:
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
