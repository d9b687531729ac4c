"""The table of uploads: every function works inside the caller's transaction."""

from sqlalchemy import Connection, delete, func, insert, select, update

from coordinator.artifacts.model import Upload
from coordinator.database.account_tables import uploads
from ledger.types import TimestampMs


def insert_upload(connection: Connection, client_id: str, upload: Upload) -> None:
    """Store an upload of which nothing has come yet."""
    connection.execute(
        insert(uploads).values(
            upload_id=upload.upload_id,
            client_id=client_id,
            digest=upload.digest,
            size=upload.size,
            received=upload.received,
            expires_ms=upload.expires_ms,
        )
    )


def find_upload(
    connection: Connection, client_id: str, upload_id: str, now_ms: TimestampMs
) -> Upload | None:
    """Return an upload of a client that is not past its end."""
    mine = (uploads.c.upload_id == upload_id) & (uploads.c.client_id == client_id)
    query = select(uploads).where(mine, uploads.c.expires_ms > now_ms)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Upload(row.upload_id, row.digest, row.size, row.received, row.expires_ms)


def note_received(
    connection: Connection, upload_id: str, received: int, expires_ms: TimestampMs
) -> None:
    """Note how much is on disk, and how long it waits for more."""
    row = uploads.c.upload_id == upload_id
    values = {"received": received, "expires_ms": expires_ms}
    connection.execute(update(uploads).where(row).values(**values))


def delete_upload(connection: Connection, upload_id: str) -> None:
    """Forget an upload that is whole, wrong or given up."""
    connection.execute(delete(uploads).where(uploads.c.upload_id == upload_id))


def drop_late(connection: Connection, now_ms: TimestampMs) -> None:
    """Forget uploads past their end."""
    connection.execute(delete(uploads).where(uploads.c.expires_ms <= now_ms))


def all_ids(connection: Connection) -> set[str]:
    """Return all uploads."""
    return set(connection.execute(select(uploads.c.upload_id)).scalars())


def open_bytes(
    connection: Connection, client_id: str, now_ms: TimestampMs, *, besides: str | None = None
) -> int:
    """Return the bytes that a client announced in uploads that are open, besides one of them."""
    query = select(func.coalesce(func.sum(uploads.c.size), 0)).where(
        uploads.c.client_id == client_id,
        uploads.c.expires_ms > now_ms,
    )
    if besides is not None:
        query = query.where(uploads.c.upload_id != besides)
    return int(connection.execute(query).scalar_one())


def count_open(connection: Connection, client_id: str, now_ms: TimestampMs) -> int:
    """Return how many uploads of a client are open."""
    query = select(func.count()).where(
        uploads.c.client_id == client_id, uploads.c.expires_ms > now_ms
    )
    return connection.execute(query).scalar_one()
