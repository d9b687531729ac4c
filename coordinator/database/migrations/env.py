"""Entry that Alembic calls; `coordinator.database.engine` passes the open connection."""

from alembic import context

from coordinator.database.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
context.run_migrations()
