"""Which files jobs name, so that a file goes when the last job's content that names it does."""

import re
from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from coordinator.database.account_tables import artifact_uses
from coordinator.database.tables import artifacts
from ledger.types import Hash, TimestampMs

_NAME: Final = re.compile(rb"sha256:([0-9a-f]{64})")


def note_uses(connection: Connection, job_id: Hash, document: bytes) -> set[Hash]:
    """Note the files that a job's payload or result names, and return them."""
    found = {bytes.fromhex(match.decode()) for match in _NAME.findall(document)}
    if not found:
        return found
    of_job = select(artifact_uses.c.digest).where(artifact_uses.c.job_id == job_id)
    known = set(connection.execute(of_job).scalars())
    rows = [{"job_id": job_id, "digest": digest} for digest in sorted(found - known)]
    if rows:
        connection.execute(insert(artifact_uses), rows)
    return found


def keep_inputs(
    connection: Connection, client_id: str, digests: Collection[Hash], until_ms: TimestampMs
) -> None:
    """Let files that a client keeps and its job takes not end before the job does."""
    sooner = artifacts.c.digest.in_(digests) & (artifacts.c.expires_ms < until_ms)
    mine = sooner & (artifacts.c.client_id == client_id)
    connection.execute(update(artifacts).where(mine).values(expires_ms=until_ms))


def drop_uses(connection: Connection, job_ids: Collection[Hash]) -> set[Hash]:
    """Forget the files of some jobs; return those that no other job names."""
    mine = artifact_uses.c.job_id.in_(job_ids)
    digests = set(connection.execute(select(artifact_uses.c.digest).where(mine)).scalars())
    if not digests:
        return set()
    connection.execute(delete(artifact_uses).where(mine))
    others = select(artifact_uses.c.digest).where(artifact_uses.c.digest.in_(digests))
    return digests - set(connection.execute(others).scalars())
