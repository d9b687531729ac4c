"""Numbers about the network."""

import asyncio

from sqlalchemy import Connection, func, select

from coordinator.core import Core
from coordinator.database.tables import jobs, receipts
from coordinator.stats.model import NetworkStats
from ledger.store import IndexReader
from ledger.types import Height


class StatsService:
    """Counts for `/v1/stats` and `/explorer/stats`."""

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


def _newer(connection: Connection, height: Height, timestamp_ms: int) -> tuple[int, int]:
    locked = select(func.count()).select_from(jobs).where(jobs.c.escrowed_ms > timestamp_ms)
    posted = select(func.count()).select_from(receipts).where(receipts.c.height > height)
    return connection.execute(locked).scalar_one(), connection.execute(posted).scalar_one()
