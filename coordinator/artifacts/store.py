"""The table of artifacts: every function works inside the caller's transaction."""

from collections.abc import Collection

from sqlalchemy import Connection, delete, func, insert, select, tuple_, update

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


def kept_bytes(connection: Connection, client_id: str, *, besides: Hash | None = None) -> int:
    """Return the bytes that a client keeps, besides one artifact."""
    query = select(func.coalesce(func.sum(artifacts.c.size), 0))
    mine = query.where(artifacts.c.client_id == client_id)
    if besides is not None:
        mine = mine.where(artifacts.c.digest != besides)
    return int(connection.execute(mine).scalar_one())


def drop_kept(
    connection: Connection, digests: Collection[Hash], client_ids: Collection[str]
) -> set[Hash]:
    """Let some clients keep some files no more; return those that nobody keeps any more."""
    theirs = artifacts.c.digest.in_(digests) & artifacts.c.client_id.in_(client_ids)
    connection.execute(delete(artifacts).where(theirs))
    return set(digests) - kept_of(connection, digests)


def kept_of(connection: Connection, digests: Collection[Hash]) -> set[Hash]:
    """Return those of some files that anybody keeps."""
    query = select(artifacts.c.digest).where(artifacts.c.digest.in_(digests))
    return set(connection.execute(query).scalars())


def is_kept_by(connection: Connection, digest: Hash, client_id: str) -> bool:
    """Return whether a client keeps a file."""
    mine = (artifacts.c.digest == digest) & (artifacts.c.client_id == client_id)
    return connection.execute(select(artifacts.c.digest).where(mine)).one_or_none() is not None


def kept_by(
    connection: Connection,
    client_id: str,
    limit: int,
    after: tuple[TimestampMs, Hash] | None = None,
) -> list[ArtifactView]:
    """Return files that a client keeps, those that end first first; those after an end and digest.

    A file whose end is put off meanwhile is shown again, and none is left out.
    """
    place = tuple_(artifacts.c.expires_ms, artifacts.c.digest)
    query = select(artifacts).where(artifacts.c.client_id == client_id)
    if after is not None:
        query = query.where(place > tuple_(*after))
    rows = connection.execute(
        query.order_by(artifacts.c.expires_ms, artifacts.c.digest).limit(limit)
    )
    return [ArtifactView(row.digest, row.size, row.expires_ms) for row in rows]


def drop_expired(connection: Connection, now_ms: TimestampMs, limit: int) -> tuple[int, list[Hash]]:
    """Delete rows past their end; count them, and return digests that nobody keeps any more."""
    late = select(artifacts.c.digest).where(artifacts.c.expires_ms <= now_ms).limit(limit)
    found = list(connection.execute(late).scalars())
    digests = set(found)
    if not digests:
        return 0, []
    ended = artifacts.c.digest.in_(digests) & (artifacts.c.expires_ms <= now_ms)
    connection.execute(delete(artifacts).where(ended))
    return len(found), sorted(digests - kept_of(connection, digests))
