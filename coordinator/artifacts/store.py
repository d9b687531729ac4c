"""The table of artifacts: every function works inside the caller's transaction."""

from sqlalchemy import Connection, delete, func, insert, select, update

from coordinator.artifacts.model import ArtifactView
from coordinator.database.tables import artifacts
from ledger.types import Hash, TimestampMs


def find(connection: Connection, digest: Hash, now_ms: TimestampMs) -> ArtifactView | None:
    """Return an artifact that somebody keeps, None if nobody does."""
    query = select(func.max(artifacts.c.size), func.max(artifacts.c.expires_ms)).where(
        artifacts.c.digest == digest, artifacts.c.expires_ms > now_ms
    )
    size, expires_ms = connection.execute(query).one()
    return None if size is None else ArtifactView(digest, size, expires_ms)


def keep(connection: Connection, client_id: str, view: ArtifactView) -> None:
    """Note that a client keeps an artifact, or keeps it longer."""
    mine = (artifacts.c.digest == view.digest) & (artifacts.c.client_id == client_id)
    longer = update(artifacts).where(mine).values(expires_ms=view.expires_ms)
    if not connection.execute(longer).rowcount:
        connection.execute(
            insert(artifacts).values(
                digest=view.digest,
                client_id=client_id,
                size=view.size,
                expires_ms=view.expires_ms,
            )
        )


def kept_bytes(connection: Connection, client_id: str, *, besides: Hash) -> int:
    """Return the bytes that a client keeps, besides one artifact."""
    query = select(func.coalesce(func.sum(artifacts.c.size), 0))
    mine = query.where(artifacts.c.client_id == client_id, artifacts.c.digest != besides)
    return int(connection.execute(mine).scalar_one())


def drop_expired(connection: Connection, now_ms: TimestampMs, limit: int) -> list[Hash]:
    """Delete rows past their end; return the digests that nobody keeps any more."""
    late = select(artifacts.c.digest).where(artifacts.c.expires_ms <= now_ms).limit(limit)
    digests = set(connection.execute(late).scalars())
    if not digests:
        return []
    ended = artifacts.c.digest.in_(digests) & (artifacts.c.expires_ms <= now_ms)
    connection.execute(delete(artifacts).where(ended))
    kept = select(artifacts.c.digest).where(artifacts.c.digest.in_(digests))
    return sorted(digests - set(connection.execute(kept).scalars()))
