"""Receipts: public, final, the same for everybody."""

import asyncio

from sqlalchemy import Connection

from coordinator.core import Core
from coordinator.database.together import ReadTogether
from coordinator.errors import JobNotFound, ReceiptNotFound, Unavailable
from coordinator.follower import followed_height
from coordinator.jobs.store import find_job
from coordinator.miners.store import find_miner
from coordinator.receipts.model import ReceiptPage, ReceiptView
from coordinator.receipts.reading import (
    Place,
    cursor_of,
    indexed_below,
    of_index,
    own_above,
    parse_cursor,
)
from coordinator.receipts.views import find_own, find_own_of_jobs
from ledger.store import IndexReader
from ledger.types import Address, Hash, Height


class ReceiptService:
    """Reads receipts from the index and from final blocks that the index has not reached (K1)."""

    def __init__(self, core: Core, index: IndexReader) -> None:
        """Stand on the core and an index."""
        self._core = core
        self._index = index
        self._own = ReadTogether(
            core.database, lambda c, job_ids: find_own_of_jobs(c, index, job_ids)
        )

    async def get(self, receipt_id: Hash) -> ReceiptView:
        """Return a receipt by its id.

        Raises:
            ReceiptNotFound: no final receipt of this id.
        """
        own = await self._core.database.read(lambda c: find_own(c, self._index, receipt_id))
        view = own or await asyncio.to_thread(self._indexed, receipt_id)
        if view is None:
            raise ReceiptNotFound
        return view

    async def of_job(self, job_id: Hash) -> ReceiptView | None:
        """Return the receipt of a job, None if it has none (a job has at most one).

        Raises:
            JobNotFound: neither this coordinator nor the index knows the job.
            Unavailable: an attestation was signed elsewhere, and the index has not reached it.
        """
        view = await self._own.of(job_id)
        if isinstance(view, Unavailable):
            raise view
        if view is not None:
            return view
        is_own = await self._core.database.read(lambda c: find_job(c, job_id) is not None)
        return None if is_own else await asyncio.to_thread(self._indexed_of_job, job_id)

    async def list(
        self,
        *,
        client: Address | None = None,
        provider: Address | str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> ReceiptPage:
        """Return receipts, newest first.

        Args:
            client: only receipts that this address paid.
            provider: only receipts of this miner, by address or name.
            limit: at most this many.
            cursor: `next_cursor` of the page before.

        Raises:
            InvalidRequest: the cursor is none that this method returned.
        """
        before = None if cursor is None else parse_cursor(cursor)
        miner = await self._address(provider) if isinstance(provider, str) else provider
        indexed = await asyncio.to_thread(self._index.indexed_height)
        if provider is not None and miner is None:
            return ReceiptPage((), None, indexed)

        def read(connection: Connection) -> tuple[Height, list[tuple[Place, ReceiptView]]]:
            newer = own_above(
                connection,
                self._index,
                indexed,
                before=before,
                limit=limit + 1,
                client=client,
                provider=miner,
            )
            return followed_height(connection), newer

        followed, found = await self._core.database.read(read)
        if len(found) <= limit:
            # The index may have moved on: what it took in meanwhile is among the newer ones.
            above: Place = (indexed + 1, 0)
            end = above if before is None else min(before, above)
            found += await asyncio.to_thread(
                indexed_below, self._index, end, limit + 1 - len(found), client, miner
            )
        shown = found[:limit]
        next_cursor = cursor_of(shown[-1][0]) if len(found) > limit else None
        return ReceiptPage(tuple(view for _, view in shown), next_cursor, max(indexed, followed))

    async def _address(self, name: str) -> Address | None:
        row = await self._core.database.read(lambda c: find_miner(c, name))
        if row is not None:
            return bytes(row.address)
        miner = await asyncio.to_thread(self._index.miner_by_name, name)
        return None if miner is None else miner.miner

    def _indexed(self, receipt_id: Hash) -> ReceiptView | None:
        row = self._index.receipt(receipt_id)
        return None if row is None else of_index(self._index, row)

    def _indexed_of_job(self, job_id: Hash) -> ReceiptView | None:
        if self._index.job(job_id) is None:
            raise JobNotFound
        row = self._index.receipt_of_job(job_id)
        return None if row is None else of_index(self._index, row)
