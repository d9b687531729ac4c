"""Numbers about the network, the marketplace and its miners."""

import asyncio
from dataclasses import replace

from sqlalchemy import Connection, func, select

from coordinator.core import Core
from coordinator.database.marketplace_tables import market_totals
from coordinator.database.tables import jobs, miners, receipts
from coordinator.errors import MinerNotFound
from coordinator.follower import followed_height
from coordinator.miners.store import find_miner
from coordinator.stats import tally
from coordinator.stats.model import MarketStats, MinerStats, NetworkStats
from coordinator.stats.records import stats_of
from ledger.store import IndexReader
from ledger.types import Height


class StatsService:
    """Counts that cost the same however long the chain is."""

    def __init__(self, core: Core, index: IndexReader) -> None:
        """Stand on the core and an index."""
        self._core = core
        self._index = index

    async def network(self) -> NetworkStats:
        """Return the counts: what is indexed, and what this coordinator saw beyond that."""
        indexed = await asyncio.to_thread(self._index.stats)
        newer_jobs, newer_receipts = await self._core.database.read(
            lambda c: _newer(c, indexed.height, indexed.timestamp_ms)
        )
        return NetworkStats(
            total_jobs=indexed.jobs + newer_jobs,
            active_miners=indexed.miners,
            total_receipts=indexed.receipts + newer_receipts,
            block_height=self._core.chain.head().height,
            as_of_height=max(indexed.height, 0),
        )

    async def market(self) -> MarketStats:
        """Return the counts of the marketplace."""
        return await self._core.database.read(_market)

    async def miner(self, name: str) -> MinerStats:
        """Return what a miner did for jobs of this coordinator.

        Raises:
            MinerNotFound: no miner of this name was ever registered.
        """
        now_ms = self._core.moments.clock_ms()

        def read(connection: Connection) -> MinerStats:
            row = find_miner(connection, name)
            if row is None or row.registered_ms is None:
                raise MinerNotFound
            found = stats_of(connection, row.name, row.address, row.registered_ms, now_ms)
            return replace(found, as_of_height=followed_height(connection))

        return await self._core.database.read(read)


def _market(connection: Connection) -> MarketStats:
    rows = connection.execute(select(market_totals.c.name, market_totals.c.value))
    counts: dict[str, int] = {row.name: row.value for row in rows}
    active = select(func.count()).select_from(miners).where(miners.c.is_active)
    ended = (tally.COMPLETED, tally.FAILED, tally.CANCELLED, tally.EXPIRED)
    return MarketStats(
        active=counts.get(tally.LOCKED, 0) - sum(counts.get(name, 0) for name in ended),
        completed=counts.get(tally.COMPLETED, 0),
        failed=counts.get(tally.FAILED, 0),
        cancelled=counts.get(tally.CANCELLED, 0),
        expired=counts.get(tally.EXPIRED, 0),
        completion_ms=counts.get(tally.COMPLETION_MS, 0),
        volume=counts.get(tally.VOLUME, 0),
        active_miners=connection.execute(active).scalar_one(),
        as_of_height=followed_height(connection),
    )


def _newer(connection: Connection, height: Height, timestamp_ms: int) -> tuple[int, int]:
    locked = select(func.count()).select_from(jobs).where(jobs.c.escrowed_ms > timestamp_ms)
    posted = select(func.count()).select_from(receipts).where(receipts.c.height > height)
    return connection.execute(locked).scalar_one(), connection.execute(posted).scalar_one()
