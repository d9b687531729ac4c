"""What the ended jobs of a key cost, by the day of the order: kept with every change of an end.

A budget is judged in every order's transaction. It adds these few sums to the jobs that are live,
and asks for no other job, however many the key has ordered.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, insert, select, update

from coordinator.database.account_tables import key_spends as spends
from coordinator.database.listed import Listed
from coordinator.database.tables import jobs
from ledger.types import Amount, Hash, TimestampMs

DAY_MS: Final = 86_400_000

PAID_MAX: Final = 2**63 - 1
"""Greatest sum of a day that is kept, above every budget: the same units may be spent again and
again, and a sum that a column does not hold must not stop the following of the chain."""

_COSTS: Final = Listed(
    lambda job_ids: select(
        jobs.c.key_id,
        jobs.c.requested_ms,
        (jobs.c.paid_miner + jobs.c.paid_coordinator + jobs.c.fee).label("cost"),
    ).where(jobs.c.job_id.in_(job_ids), jobs.c.key_id.is_not(None))
)


def day_of(instant_ms: TimestampMs) -> int:
    """Return the day since 1970, UTC, in which an instant is."""
    return instant_ms // DAY_MS


def count_ends(connection: Connection, job_ids: Sequence[Hash]) -> None:
    """Add jobs that ended to what their keys spent: once, in the transaction that ends them."""
    sums: defaultdict[tuple[str, int], list[Amount]] = defaultdict(list)
    for row in _COSTS.all(connection, job_ids):
        sums[row.key_id, day_of(row.requested_ms)].append(row.cost)
    for (key_id, day), costs in sums.items():
        if not _add(connection, key_id, day, len(costs), sum(costs)):
            paid = min(sum(costs), PAID_MAX)
            values = {"key_id": key_id, "day": day, "jobs": len(costs), "paid": paid}
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
    known = connection.execute(select(spends.c.jobs, spends.c.paid).where(row)).one_or_none()
    if known is None:
        return False
    sums = {"jobs": known.jobs + number, "paid": min(known.paid + cost, PAID_MAX)}
    connection.execute(update(spends).where(row).values(**sums))
    return True
