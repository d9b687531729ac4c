"""The coordinator's own database: engine, tables, migrations."""

from coordinator.database.engine import Database
from coordinator.database.errors import DatabaseError, DatabaseOfAnotherChain, DatabaseTooNew

__all__ = ["Database", "DatabaseError", "DatabaseOfAnotherChain", "DatabaseTooNew"]
