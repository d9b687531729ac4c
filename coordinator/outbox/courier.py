"""Sends what the outbox holds, and again, the same bytes, until their fate is known (J30)."""

import asyncio
from collections.abc import Sequence
from typing import Final

from coordinator.database import Database
from coordinator.outbox import store
from coordinator.outbox.model import OutboxState, Outgoing
from coordinator.ports import Chain, SubmitOutcome, TransactionStatus
from coordinator.signals import Signals
from ledger.types import Hash

BATCH_MAX: Final = 100
"""Transactions of one submission."""

PENDING_MAX: Final = 1_000
"""Pending transactions that one round looks at; those that expire first come first."""

RESEND_FACTOR: Final = 2.0
"""Each further sending of the same bytes waits this much longer."""

RESEND_S_MAX: Final = 30.0
"""Longest time between two sendings."""


class Courier:
    """Takes signed transactions from the outbox to the chain."""

    def __init__(self, database: Database, chain: Chain, resend_s: float) -> None:
        """Remember where to read and where to send.

        Args:
            database: holds the outbox.
            chain: takes the transactions.
            resend_s: time after which pending bytes are sent again, at first.
        """
        self._database = database
        self._chain = chain
        self._resend_s = resend_s
        self._next_send: dict[Hash, tuple[float, float]] = {}
        self._wake = asyncio.Event()
        self.fates: Signals[Hash] = Signals()
        """Fired with a transaction's id when it is final, expired or void."""

    def kick(self) -> None:
        """Send soon: something was added to the outbox."""
        self._wake.set()

    async def send(self, transaction_id: Hash) -> SubmitOutcome:
        """Send one stored transaction now, and say how the node answered.

        What is not pending any more is not sent; the answer is DUPLICATE.
        """
        row = await self._database.read(lambda c: store.get(c, transaction_id))
        assert row is not None, "a transaction is stored before it is sent (J30)"
        if row.state is not OutboxState.PENDING:
            return SubmitOutcome(transaction_id, TransactionStatus.DUPLICATE)
        (outcome,) = await self._submit([row])
        return outcome

    async def wait(self, transaction_id: Hash, timeout_s: float) -> OutboxState:
        """Wait until a transaction's effects are in the database, or cannot come any more.

        Returns:
            FINAL, EXPIRED or VOID; PENDING when the time is over.
        """

        def look(connection: object) -> OutboxState | None:
            row = store.get(connection, transaction_id)  # type: ignore[arg-type]
            if row is None or row.state is OutboxState.PENDING:
                return None
            return row.state

        async def seen() -> OutboxState | None:
            return await self._database.read(look)

        state = await self.fates.wait_until(transaction_id, seen, timeout_s)
        return state or OutboxState.PENDING

    async def send_and_wait(self, transaction_id: Hash, timeout_s: float) -> OutboxState:
        """Send a stored transaction and wait for its fate; see `wait`."""
        await self.send(transaction_id)
        return await self.wait(transaction_id, timeout_s)

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self.send_pending()
            try:
                await asyncio.wait_for(self._wake.wait(), self._resend_s)
            except TimeoutError:
                continue
            finally:
                self._wake.clear()

    async def send_pending(self) -> None:
        """Send once what is pending and due."""
        rows = await self._database.read(lambda c: store.pending(c, PENDING_MAX))
        now = asyncio.get_running_loop().time()
        known = {row.transaction_id for row in rows}
        self._next_send = {k: v for k, v in self._next_send.items() if k in known}
        due = [row for row in rows if self._next_send.get(row.transaction_id, (0, 0))[0] <= now]
        for start in range(0, len(due), BATCH_MAX):
            await self._submit(due[start : start + BATCH_MAX])

    async def _submit(self, rows: Sequence[Outgoing]) -> list[SubmitOutcome]:
        now = asyncio.get_running_loop().time()
        for row in rows:
            _, pause = self._next_send.get(row.transaction_id, (0.0, 0.0))
            pause = min(max(self._resend_s, pause * RESEND_FACTOR), RESEND_S_MAX)
            self._next_send[row.transaction_id] = (now + pause, pause)
        outcomes = await self._chain.submit([row.signed for row in rows])
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome.status is TransactionStatus.REJECTED and outcome.code != row.code:
                await self._note(row.transaction_id, outcome.code)
        return outcomes

    async def _note(self, transaction_id: Hash, code: str) -> None:
        await self._database.write(lambda c: store.note_refusal(c, transaction_id, code))
