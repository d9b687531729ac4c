"""The table of events: what clients are told as it happens, in order, for a while.

Times are milliseconds, ids raw bytes.
"""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from coordinator.database.tables import Id, Sequence, metadata

events = Table(
    "events",
    metadata,
    # Order in which they are told; numbers may be missing. The newest row is never deleted, so
    # that no number is given twice.
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("kind", String(24), nullable=False),
    # Who may see it; NULL for everybody.
    Column("client_id", String(64)),
    Column("job_id", Id),
    Column("at_ms", BigInteger, nullable=False),
    # JSON of what happened, in no version's words.
    Column("data", Text, nullable=False),
    Index("events_by_client", "client_id", "seq"),
    Index("events_by_job", "job_id", "seq"),
    Index("events_by_time", "at_ms"),
)
"""Written in the transaction of the change that they tell; derived from it, and pruned."""
