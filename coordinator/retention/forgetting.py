"""Deletes the content of jobs from every table that holds any.

A part that keeps prompts, results or what they say, in a table of its own, deletes them here: add
its function to `FORGETTERS`. What stays are ids, states, times, money, and the digests that
receipts name; what they are blinded and salted with goes, or short contents could be guessed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, delete, update

from coordinator.database.tables import attempts, jobs, payloads, results
from coordinator.follower.ends import REASON_TEXT
from coordinator.idempotency import forget_answers_about
from coordinator.jobs.documents import SALT_BYTES
from coordinator.jobs.model import JobPhase
from ledger.types import Hash, TimestampMs

Forgetter = Callable[[Connection, Sequence[Hash]], None]
"""Deletes what a part keeps of the content of some jobs."""


def forget_inputs(connection: Connection, job_ids: Sequence[Hash]) -> int:
    """Delete payloads with their blinds, which would let a short one be guessed; count them."""
    return connection.execute(delete(payloads).where(payloads.c.job_id.in_(job_ids))).rowcount


def forget_results(connection: Connection, job_ids: Sequence[Hash], now_ms: TimestampMs) -> int:
    """Delete result documents with their salts; count them. Digests stay: receipts name them."""
    rows = results.c.job_id.in_(job_ids) & results.c.document.is_not(None)
    gone = (
        update(results).where(rows).values(document=None, salt=bytes(SALT_BYTES), expires_ms=now_ms)
    )
    return connection.execute(gone).rowcount


def forget_messages(connection: Connection, job_ids: Sequence[Hash]) -> None:
    """Delete what miners said when they gave up: it may quote the input."""
    rows = attempts.c.job_id.in_(job_ids)
    connection.execute(update(attempts).where(rows).values(release_message=None))
    for code, text in _TEXTS.items():
        failed = (
            jobs.c.job_id.in_(job_ids)
            & (jobs.c.phase == JobPhase.FAILED.value)
            & (jobs.c.error_code == code)
        )
        connection.execute(update(jobs).where(failed).values(error_message=text))


_TEXTS: Final[Mapping[str, str]] = {reason.name: text for reason, text in REASON_TEXT.items()}

FORGETTERS: Final[tuple[Forgetter, ...]] = (forget_messages, forget_answers_about)
"""What is done besides, when the input or the result of jobs is deleted."""
