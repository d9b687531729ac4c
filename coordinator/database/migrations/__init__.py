"""Schema steps of the coordinator's database, run by Alembic."""

__all__: list[str] = []
