"""Sends what the outbox holds, and again, the same bytes, until their fate is known (J30)."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection

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


Undo = Callable[[Connection], object]
"""Deletes what was stored with a transaction that the node refused at once."""


class Courier:
    """Takes signed transactions from the outbox to the chain.

    A transaction is in flight once at a time, and what is sent is looked up directly before: what
    was taken back is never sent again from an older list.
    """

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
        self._in_flight: dict[Hash, asyncio.Event] = {}
        self._taken: set[Hash] = set()
        self._wake = asyncio.Event()
        self.fates: Signals[Hash] = Signals()
        """Fired with a transaction's id when it is final, expired or void."""

    def kick(self) -> None:
        """Send soon: something was added to the outbox."""
        self._wake.set()

    async def send(
        self, transaction_id: Hash, undo: Undo | None = None, *, keeps_if_full: bool = False
    ) -> SubmitOutcome:
        """Send one stored transaction now, and say how the node answered.

        What is not pending any more is not sent, and what the node took before is not refused: the
        answer is DUPLICATE.

        Args:
            transaction_id: which.
            undo: called where the answer is REJECTED or FULL, before anybody else can send the
                same bytes: then they are in no pool, and never will be.
            keeps_if_full: whether `undo` is for REJECTED alone.
        """
        while (landed := self._in_flight.get(transaction_id)) is not None:
            await landed.wait()
        with self._flight([transaction_id]):
            row = await self._database.read(lambda c: store.get(c, transaction_id))
            if row is None:
                # Of the same bytes in two calls, the other was refused.
                return SubmitOutcome(transaction_id, TransactionStatus.REJECTED, "WITHDRAWN")
            if row.state is not OutboxState.PENDING:
                return SubmitOutcome(transaction_id, TransactionStatus.DUPLICATE)
            (outcome,) = await self._submit([row])
            is_full = outcome.status is TransactionStatus.FULL
            if not is_full and outcome.status is not TransactionStatus.REJECTED:
                return outcome
            if transaction_id in self._taken:
                return SubmitOutcome(transaction_id, TransactionStatus.DUPLICATE)
            if undo is not None and not (is_full and keeps_if_full):
                await self._database.write(undo)
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
        self._taken &= known
        due = [row.transaction_id for row in rows if self._is_due(row.transaction_id, now)]
        for start in range(0, len(due), BATCH_MAX):
            await self._send_due(due[start : start + BATCH_MAX])

    async def _send_due(self, ids: Sequence[Hash]) -> None:
        """Send those that are due, pending and not in flight now: others may send too."""
        now = asyncio.get_running_loop().time()
        free = [id_ for id_ in ids if self._is_due(id_, now) and id_ not in self._in_flight]
        if not free:
            return
        with self._flight(free):
            rows = await self._database.read(lambda c: store.pending_of(c, free))
            if rows:
                await self._submit(rows)

    def _is_due(self, transaction_id: Hash, now: float) -> bool:
        return self._next_send.get(transaction_id, (0.0, 0.0))[0] <= now

    @contextmanager
    def _flight(self, ids: Sequence[Hash]) -> Iterator[None]:
        """Keep others from sending the same bytes meanwhile."""
        landed = asyncio.Event()
        self._in_flight |= dict.fromkeys(ids, landed)
        try:
            yield
        finally:
            for id_ in ids:
                del self._in_flight[id_]
            landed.set()

    async def _submit(self, rows: Sequence[Outgoing]) -> list[SubmitOutcome]:
        now = asyncio.get_running_loop().time()
        for row in rows:
            _, pause = self._next_send.get(row.transaction_id, (0.0, 0.0))
            pause = min(max(self._resend_s, pause * RESEND_FACTOR), RESEND_S_MAX)
            self._next_send[row.transaction_id] = (now + pause, pause)
        outcomes = await self._chain.submit([row.signed for row in rows])
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome.status in (TransactionStatus.POOLED, TransactionStatus.DUPLICATE):
                self._taken.add(row.transaction_id)
            if outcome.status is TransactionStatus.REJECTED and outcome.code != row.code:
                await self._note(row.transaction_id, outcome.code)
        return outcomes

    async def _note(self, transaction_id: Hash, code: str) -> None:
        await self._database.write(lambda c: store.note_refusal(c, transaction_id, code))
