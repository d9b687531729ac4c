"""The coordinator's own database: engine, tables, migrations."""

from coordinator.database import (  # noqa: F401 - each declares its tables
    account_tables,
    events_tables,
    idempotency_tables,
    marketplace_tables,
    webhook_tables,
)
from coordinator.database.engine import Database
from coordinator.database.errors import (
    ChainIncomplete,
    DatabaseClosed,
    DatabaseError,
    DatabaseOfAnotherChain,
    DatabaseTooNew,
)

__all__ = [
    "ChainIncomplete",
    "Database",
    "DatabaseClosed",
    "DatabaseError",
    "DatabaseOfAnotherChain",
    "DatabaseTooNew",
]
