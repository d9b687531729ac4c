"""Versions of the schema: the history in `migrations`, which alembic carries out."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table

from coordinator.database.errors import DatabaseTooNew
from ledger.store import Database as Connections

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
"""Revisions in `migrations`, oldest first. Written down, because to ask alembic takes a fifth of a
second of every start, and nearly no start has anything to upgrade; a test asks it."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"
"""Where the revisions are."""

_VERSION: Final = table("alembic_version", column("version_num"))


def upgrade_schema(database: Connections) -> None:
    """Claim a database and bring it to the newest schema of this program, from nothing if need be.

    Raises:
        DatabaseTooNew: a newer version of this program wrote it; nothing was changed.
        StoreLocked: another process writes it.
    """
    database.claim()
    with database.writing() as connection:
        current = _revision(connection)
        if current == REVISIONS[-1]:
            return
        if current is not None and current not in REVISIONS:
            raise DatabaseTooNew(current)
        from alembic import command  # noqa: PLC0415 - see REVISIONS
        from alembic.config import Config  # noqa: PLC0415 - see REVISIONS

        config = Config()
        # A percent sign in the path would be read as a reference to another option.
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    """Return the revision of a database, None if it is empty."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    found = connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()
    return None if found is None else str(found)
