"""Sends what the outbox holds, and again, the same bytes, until their fate is known (J30)."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection

from coordinator.database import Database
from coordinator.outbox import store
from coordinator.outbox.model import OutboxState, Outgoing
from coordinator.ports import Chain, SubmitOutcome, TransactionStatus
from coordinator.workers import Done
from ledger.types import Hash

BATCH_MAX: Final = 100
"""Transactions of one submission."""

PENDING_MAX: Final = 1_000
"""Pending transactions that one round looks at; those that expire first come first."""

RESEND_FACTOR: Final = 2.0
"""Each further sending of the same bytes waits this much longer."""

RESEND_S_MAX: Final = 30.0
"""Longest time between two sendings."""


DECIDED_MAX: Final = 10_000
"""Newest fates that are remembered; of others the database is asked."""

Undo = Callable[[Connection], object]
"""Deletes what was stored with a transaction that the node refused at once."""

_REFUSED: Final = (TransactionStatus.REJECTED, TransactionStatus.FULL)


class _Letter(NamedTuple):
    """What is sent of a transaction."""

    transaction_id: Hash
    signed: bytes
    code: str = ""
    """Code of its last refusal, as it is stored."""


@dataclass(frozen=True, slots=True)
class _Sending:
    """One call of `send`."""

    transaction_id: Hash
    undo: Undo | None
    keeps_if_full: bool
    fresh: bytes | None
    answer: "asyncio.Future[SubmitOutcome]"


class Courier:
    """Takes signed transactions from the outbox to the chain.

    A transaction is in flight once at a time, and what is sent is looked up directly before: what
    was taken back is never sent again from an older list. Not looked up is what was stored a moment
    ago and is in hand: bytes that nobody has sent, and what is owed, which nobody takes back. What
    is to be sent while others are on their way goes together, once those have landed.
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
        self._to_send: list[_Sending] = []
        self._sender: asyncio.Task[None] | None = None
        self._waiting: dict[Hash, list[asyncio.Future[OutboxState]]] = {}
        self._decided: dict[Hash, OutboxState] = {}
        self._wake = asyncio.Event()
        self._kicked: dict[Hash, Outgoing] = {}
        self._look_at = 0.0

    def kick(self, added: Iterable[Outgoing] | None = None) -> None:
        """Send soon what was added to the outbox.

        Args:
            added: all of it, where it is known and durable, and none of it is ever taken back;
                else the outbox is searched for what is pending.
        """
        if added is None:
            self._look_at = 0.0
        else:
            self._kicked |= {row.transaction_id: row for row in added}
        self._wake.set()

    async def send(
        self,
        transaction_id: Hash,
        undo: Undo | None = None,
        *,
        keeps_if_full: bool = False,
        fresh: bytes | None = None,
    ) -> SubmitOutcome:
        """Send one stored transaction now, and say how the node answered.

        What is not pending any more is not sent, and what the node took before is not refused: the
        answer is DUPLICATE.

        Args:
            transaction_id: which.
            undo: called where the answer is REJECTED or FULL, before anybody else can send the
                same bytes: then they are in no pool, and never will be.
            keeps_if_full: whether `undo` is for REJECTED alone.
            fresh: its bytes, of a caller who has just stored them: they are not looked up.
        """
        while (landed := self._in_flight.get(transaction_id)) is not None:
            await landed.wait()
        self._in_flight[transaction_id] = asyncio.Event()
        answer: asyncio.Future[SubmitOutcome] = asyncio.get_running_loop().create_future()
        self._to_send.append(_Sending(transaction_id, undo, keeps_if_full, fresh, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_together(), name="courier's sender")
        # Who goes away meanwhile takes nothing back: the bytes are on their way.
        return await answer

    def decided(self, fates: Mapping[Hash, OutboxState]) -> None:
        """Tell who waits for one of some transactions what became of it; it is in the database."""
        for transaction_id, state in fates.items():
            self._taken.discard(transaction_id)
            for waiting in self._waiting.get(transaction_id, ()):
                if not waiting.done():
                    waiting.set_result(state)
        self._decided |= fates
        while len(self._decided) > DECIDED_MAX:
            del self._decided[next(iter(self._decided))]

    async def wait(self, transaction_id: Hash, timeout_s: float) -> OutboxState:
        """Wait until a transaction's effects are in the database, or cannot come any more.

        Returns:
            FINAL, EXPIRED or VOID; PENDING when the time is over.
        """
        told: asyncio.Future[OutboxState] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(transaction_id, [])
        waiting.append(told)
        try:
            state = self._decided.get(transaction_id)
            # What the node took is told when it is decided; of the rest something may be known.
            if state is None and transaction_id not in self._taken:
                state = await self._stored(transaction_id)
            if state is None:
                async with asyncio.timeout(timeout_s):
                    state = await told
        except TimeoutError:
            state = await self._stored(transaction_id)
        finally:
            waiting.remove(told)
            if not waiting and self._waiting.get(transaction_id) is waiting:
                del self._waiting[transaction_id]
        return state or OutboxState.PENDING

    async def send_and_wait(
        self, transaction_id: Hash, timeout_s: float, *, fresh: bytes | None = None
    ) -> OutboxState:
        """Send a stored transaction and wait for its fate; see `send` and `wait`."""
        await self.send(transaction_id, fresh=fresh)
        return await self.wait(transaction_id, timeout_s)

    async def begin(self) -> None:
        """Take up what a stopped process left: to be called once, before anything is sent.

        The node, or another one, may have taken any of it. A refusal says nothing of those bytes
        any more, and nothing that was stored with them is undone.
        """
        rows = await self._database.read(lambda c: store.pending(c, PENDING_MAX))
        self._taken |= {row.transaction_id for row in rows}

    async def run(self, done: Done) -> None:
        """Send for ever; `done` is told of each round."""
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() >= self._look_at:
                await self.send_pending()
            await self._send_kicked()
            done()
            # `wait_for` of Python 3.11 forgets a cancellation that comes together with the wake.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._look_at):
                    await self._wake.wait()
            self._wake.clear()

    async def send_pending(self) -> None:
        """Send once what is pending and due."""
        self._look_at = asyncio.get_running_loop().time() + self._resend_s
        rows = await self._database.read(lambda c: store.pending(c, PENDING_MAX))
        now = asyncio.get_running_loop().time()
        known = {row.transaction_id for row in rows}
        self._next_send = {k: v for k, v in self._next_send.items() if k in known}
        self._taken &= known
        due = [row.transaction_id for row in rows if self._is_due(row.transaction_id, now)]
        for start in range(0, len(due), BATCH_MAX):
            await self._send_due(due[start : start + BATCH_MAX])

    async def _send_kicked(self) -> None:
        """Send what `kick` was given, as far as its fate is open."""
        rows, self._kicked = [row for row in self._kicked.values() if _is_pending(row)], {}
        for start in range(0, len(rows), BATCH_MAX):
            part = {row.transaction_id: row for row in rows[start : start + BATCH_MAX]}
            with self._in_flight_those_due(part) as free:
                await self._submit([_letter(part[id_]) for id_ in free if id_ not in self._decided])

    async def _send_due(self, ids: Sequence[Hash]) -> None:
        """Send those that are due, pending and not in flight now: others may send too."""
        with self._in_flight_those_due(ids) as free:
            if free:
                rows = await self._database.read(lambda c: store.get_all(c, free))
                await self._submit([_letter(row) for row in rows if _is_pending(row)])

    @contextlib.contextmanager
    def _in_flight_those_due(self, ids: Iterable[Hash]) -> Iterator[list[Hash]]:
        """Keep others from sending those that are due and not in flight, which are given."""
        now = asyncio.get_running_loop().time()
        free = [id_ for id_ in ids if self._is_due(id_, now) and id_ not in self._in_flight]
        self._in_flight |= {id_: asyncio.Event() for id_ in free}
        try:
            yield free
        finally:
            self._land(free)

    def _is_untold(self, transaction_id: Hash) -> bool:
        """Return whether a transaction was never sent, and its fate is open."""
        return transaction_id not in self._next_send and transaction_id not in self._decided

    def _is_due(self, transaction_id: Hash, now: float) -> bool:
        return self._next_send.get(transaction_id, (0.0, 0.0))[0] <= now

    async def _send_together(self) -> None:
        """Send what `send` was called with, many at a time, until there is no more of it."""
        try:
            while batch := self._to_send[:BATCH_MAX]:
                del self._to_send[: len(batch)]
                try:
                    await self._send_batch(batch)
                except Exception as error:  # noqa: BLE001 - every caller has to learn it
                    for each in batch:
                        if not each.answer.done():
                            each.answer.set_exception(error)
                finally:
                    self._land(each.transaction_id for each in batch)
        finally:
            self._sender = None

    async def _send_batch(self, batch: Sequence[_Sending]) -> None:
        letters = [
            _Letter(each.transaction_id, each.fresh)
            for each in batch
            if each.fresh is not None and self._is_untold(each.transaction_id)
        ]
        known = {letter.transaction_id for letter in letters}
        asked = [each.transaction_id for each in batch if each.transaction_id not in known]
        if asked:
            stored = await self._database.read(lambda c: store.get_all(c, asked))
            known |= {row.transaction_id for row in stored}
            letters += [_letter(row) for row in stored if _is_pending(row)]
        submitted = await self._submit(letters)
        outcomes = {sent.transaction_id: o for sent, o in zip(letters, submitted, strict=True)}
        for each in batch:
            id_ = each.transaction_id
            duplicate = SubmitOutcome(id_, TransactionStatus.DUPLICATE)
            outcome = outcomes.get(id_, duplicate)
            if id_ not in known:
                # Of the same bytes in two calls, the other was refused.
                outcome = SubmitOutcome(id_, TransactionStatus.REJECTED, "WITHDRAWN")
            elif outcome.status in _REFUSED and id_ in self._taken:
                outcome = duplicate
            elif outcome.status in _REFUSED:
                await self._take_back(each, outcome)
            if not each.answer.done():
                each.answer.set_result(outcome)

    async def _take_back(self, sending: _Sending, outcome: SubmitOutcome) -> None:
        """Undo what was refused; that it cannot be is what its own caller learns, nobody else."""
        is_full = outcome.status is TransactionStatus.FULL
        if sending.undo is None or (is_full and sending.keeps_if_full):
            return
        try:
            await self._database.write(sending.undo)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller has to learn it
            if not sending.answer.done():
                sending.answer.set_exception(error)

    def _land(self, ids: Iterable[Hash]) -> None:
        """Let others send the same bytes."""
        for id_ in ids:
            self._in_flight.pop(id_).set()

    async def _submit(self, letters: Sequence[_Letter]) -> list[SubmitOutcome]:
        if not letters:
            return []
        now = asyncio.get_running_loop().time()
        for letter in letters:
            _, pause = self._next_send.get(letter.transaction_id, (0.0, 0.0))
            pause = min(max(self._resend_s, pause * RESEND_FACTOR), RESEND_S_MAX)
            self._next_send[letter.transaction_id] = (now + pause, pause)
        outcomes = await self._chain.submit([letter.signed for letter in letters])
        for letter, outcome in zip(letters, outcomes, strict=True):
            if outcome.status in (TransactionStatus.POOLED, TransactionStatus.DUPLICATE):
                self._taken.add(letter.transaction_id)
            if outcome.status is TransactionStatus.REJECTED and outcome.code != letter.code:
                await self._note(letter.transaction_id, outcome.code)
        return outcomes

    async def _note(self, transaction_id: Hash, code: str) -> None:
        await self._database.write(lambda c: store.note_refusal(c, transaction_id, code))

    async def _stored(self, transaction_id: Hash) -> OutboxState | None:
        """Return what the database says became of a transaction; None if it is pending, or gone."""
        row = await self._database.read(lambda c: store.get(c, transaction_id))
        return None if row is None or row.state is OutboxState.PENDING else row.state


def _letter(row: Outgoing) -> _Letter:
    return _Letter(row.transaction_id, row.signed, row.code)


def _is_pending(row: Outgoing) -> bool:
    return row.state is OutboxState.PENDING
