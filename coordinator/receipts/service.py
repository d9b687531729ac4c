"""Receipts: public, final, the same for everybody."""

from coordinator.receipts.model import ReceiptPage, ReceiptView
from ledger.types import Address, Hash


class ReceiptService:
    """Reads receipts from the index and from final blocks that the index has not reached (K1)."""

    async def get(self, receipt_id: Hash) -> ReceiptView:
        """Return a receipt by its id.

        Raises:
            ReceiptNotFound: no final receipt of this id.
        """
        raise NotImplementedError

    async def of_job(self, job_id: Hash) -> ReceiptView | None:
        """Return the receipt of a job, None if it has none (a job has at most one).

        Raises:
            JobNotFound: neither this coordinator nor the index knows the job.
        """
        raise NotImplementedError

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
        raise NotImplementedError
