"""Reading what miners did: counts, and what follows from them."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import reduce

from sqlalchemy import Connection, Row, select

from coordinator.database.marketplace_tables import miner_records
from coordinator.stats.model import MinerStats, ServiceRecord
from coordinator.stats.reputation import Weights, day_of
from coordinator.stats.tally import weights_of
from ledger.types import Address, TimestampMs


def reputations(
    connection: Connection, miners: Collection[Address], now_ms: TimestampMs
) -> dict[Address, float]:
    """Return the reputation of some miners; those without a job are left out."""
    if not miners:
        return {}
    query = select(miner_records).where(miner_records.c.miner.in_(miners))
    day = day_of(now_ms)
    weights: defaultdict[Address, Weights] = defaultdict(Weights)
    for row in connection.execute(query):
        weights[row.miner] = weights[row.miner].plus(weights_of(row, day))
    return {miner: together.reputation for miner, together in weights.items()}


def stats_of(
    connection: Connection,
    name: str,
    miner: Address,
    registered_ms: TimestampMs,
    now_ms: TimestampMs,
) -> MinerStats:
    """Return what a miner did, by service and together."""
    query = select(miner_records).where(miner_records.c.miner == miner)
    rows = connection.execute(query.order_by(miner_records.c.service)).all()
    services = tuple(_record_of(row, day_of(now_ms)) for row in rows)
    return MinerStats(name, registered_ms, services, _sum(each.weights for each in services))


def _record_of(row: Row[tuple[object, ...]], day: int) -> ServiceRecord:
    return ServiceRecord(
        service=row.service,
        attempts=row.attempts,
        completed=row.completed,
        faults=row.faults,
        settled=row.settled,
        refuted=row.refuted,
        work_ms=row.work_ms,
        earned=row.earned,
        weights=weights_of(row, day),
    )


def _sum(weights: Iterable[Weights]) -> Weights:
    return reduce(Weights.plus, weights, Weights())
