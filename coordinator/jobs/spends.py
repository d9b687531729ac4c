"""What the ended jobs of a key cost, by the day of the order: kept with every change of an end.

A budget is judged in every order's transaction. It adds these few sums to the jobs that are live,
and asks for no other job, however many the key has ordered.
"""

from typing import Final

from sqlalchemy import Connection, insert, select, update

from coordinator.database.account_tables import key_spends as spends
from coordinator.database.tables import jobs
from ledger.types import Amount, Hash, TimestampMs

DAY_MS: Final = 86_400_000


def day_of(instant_ms: TimestampMs) -> int:
    """Return the day since 1970, UTC, in which an instant is."""
    return instant_ms // DAY_MS


def count_end(connection: Connection, job_id: Hash) -> None:
    """Add a job that ended to what its key spent: once, in the transaction that ends it."""
    cost = (jobs.c.paid_miner + jobs.c.paid_coordinator + jobs.c.fee).label("cost")
    query = select(jobs.c.key_id, jobs.c.requested_ms, cost).where(jobs.c.job_id == job_id)
    row = connection.execute(query).one()
    if row.key_id is None:
        return
    day = day_of(row.requested_ms)
    if not _add(connection, row.key_id, day, 1, row.cost):
        values = {"key_id": row.key_id, "day": day, "jobs": 1, "paid": row.cost}
        connection.execute(insert(spends).values(**values))


def charge_ended(connection: Connection, job_id: Hash, fee: Amount) -> None:
    """Add a fee to what a key spent, if the job ended: such as one that comes back, below 0."""
    ended = select(jobs.c.key_id, jobs.c.requested_ms).where(
        jobs.c.job_id == job_id, jobs.c.end_kind.is_not(None), jobs.c.key_id.is_not(None)
    )
    row = connection.execute(ended).one_or_none()
    if row is not None:
        _add(connection, row.key_id, day_of(row.requested_ms), 0, fee)


def _add(connection: Connection, key_id: str, day: int, number: int, cost: Amount) -> bool:
    """Add to a sum; return False if there is none yet."""
    row = (spends.c.key_id == key_id) & (spends.c.day == day)
    sums = {"jobs": spends.c.jobs + number, "paid": spends.c.paid + cost}
    return connection.execute(update(spends).where(row).values(**sums)).rowcount > 0
