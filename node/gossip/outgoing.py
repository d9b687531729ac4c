"""Transactions on their way out, in batches.

The first one after a pause goes out in the same turn of the loop; what follows within a few
milliseconds shares a message. So a lone transfer waits for nobody, and a peer is sent at most 200
batches a second that are not full.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from node.p2p import TransactionsMessage
from node.p2p.messages import TRANSACTIONS_BYTES_MAX, TRANSACTIONS_PER_BATCH_MAX

PAUSE_SECONDS: Final = 0.005
"""Least time between two batches that are not full."""

_HEAD_BYTES: Final = 3
"""What the encoding of a batch adds to each transaction, at most."""


def batches(transactions: Iterable[bytes]) -> Iterator[TransactionsMessage]:
    """Yield messages that hold these transactions in order, each within the limits of its kind."""
    batch: list[bytes] = []
    size = 0
    for data in transactions:
        grown = size + len(data) + _HEAD_BYTES
        if batch and (grown > TRANSACTIONS_BYTES_MAX or len(batch) == TRANSACTIONS_PER_BATCH_MAX):
            yield TransactionsMessage(tuple(batch))
            batch, grown = [], len(data) + _HEAD_BYTES
        batch.append(data)
        size = grown
    if batch:
        yield TransactionsMessage(tuple(batch))


class Outgoing:
    """Collects transactions for a moment; used on the event loop."""

    def __init__(self, send: Callable[[TransactionsMessage], None]) -> None:
        """Prepare.

        Args:
            send: sends one batch to everybody whom it concerns.
        """
        self._send = send
        self._waiting: dict[bytes, bytes] = {}
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._open_at = 0.0

    def put(self, reference: bytes, data: bytes) -> None:
        """Have a transaction sent soon."""
        if reference in self._waiting:
            return
        self._waiting[reference] = data
        self._bytes += len(data) + _HEAD_BYTES
        if self._bytes > TRANSACTIONS_BYTES_MAX or len(self._waiting) >= TRANSACTIONS_PER_BATCH_MAX:
            self.flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._open_at), self.flush)

    def holds(self, reference: bytes) -> bool:
        """Return whether a transaction waits here, so that no peer has it from this node yet."""
        return reference in self._waiting

    def flush(self) -> None:
        """Send everything that waits."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            self._open_at = asyncio.get_running_loop().time() + PAUSE_SECONDS
            waiting, self._waiting, self._bytes = self._waiting, {}, 0
            for message in batches(waiting.values()):
                self._send(message)

    def stop(self) -> None:
        """Send nothing any more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()
        self._bytes = 0
