"""Server-sent events of the chain: its final blocks as they come, or what becomes of a transaction.

A stream takes what it tells when its reader has taken what came before: nothing waits in memory for
a slow one but the events of the newest blocks, which all streams share.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final

import msgspec

from coordinator.events.places import Places, StreamLimits
from coordinator.events.sse import KEEP_ALIVE_S, RETRY_MS, comment, frame
from coordinator.wire import View
from ledger.block import Header
from ledger.store import StoredHead
from ledger.types import Hash, Height
from ledger.views import ChainView
from node.chain import ChainNode
from node.http.chain_api import TransactionNotFound
from node.http.chain_views import TransactionView

STREAMS_MAX: Final = 1_000
"""Open streams of one node."""

STREAMS_EACH_MAX: Final = 16
"""Of these, from one address."""

RECENT_MAX: Final = 256
"""Newest blocks whose headers are kept in memory; older ones are read in a thread."""

MISSED_MAX: Final = 10_000
"""Blocks that a reader that comes back is told of at most; those before them are skipped."""

READ_AT_ONCE: Final = 100
"""Older headers of one read."""

_ENDED: Final = frozenset({"final", "rejected"})

HeaderAt = Callable[[Height], StoredHead | None]
"""Returns the header of a final height, None where it was not kept. Reads a database."""

Look = Callable[[], Awaitable[TransactionView]]
"""Reads where a transaction is; raises `TransactionNotFound`."""


class BlockEventView(View, frozen=True):
    """A block that became final."""

    height: int
    """Its height, which is the id of the event, too."""
    block_id: str
    """Its id, hex."""
    timestamp_ms: int
    """Its time, milliseconds since the Unix epoch."""
    transaction_count: int
    """Transactions in it."""
    outcome_count: int
    """Outcome records of it."""


class ChainEvents:
    """The open streams of one node's chain. Used on the event loop."""

    def __init__(self, chain: ChainNode, header_at: HeaderAt) -> None:
        """Keep the events of blocks that become final from now on.

        Args:
            chain: tells of final blocks.
            header_at: reads the headers of older ones.
        """
        self.places = Places(StreamLimits(STREAMS_MAX + 1, STREAMS_EACH_MAX, STREAMS_MAX))
        self._chain = chain
        self._header_at = header_at
        self._recent: OrderedDict[Height, tuple[Hash, Header]] = OrderedDict()
        self._moved = asyncio.Event()
        self._is_closed = False
        chain.on_final(lambda _parent, view: self._on_final(view))

    def close(self) -> None:
        """End all streams; their readers come back when the node is there again."""
        self._is_closed = True
        self._moved.set()

    async def blocks(self, after: Height | None) -> AsyncGenerator[bytes, None]:
        """Yield an event for each final block, without end.

        Args:
            after: the newest block that the reader knows; None begins with the newest there is.
        """
        newest = self._chain.head().height
        at = newest - 1 if after is None else max(after, newest - MISSED_MAX)
        yield _retry()
        while not self._is_closed:
            moved, newest = self._moved, self._chain.head().height
            if at < newest:
                until = min(newest, at + READ_AT_ONCE)
                for told in await self._told(range(at + 1, until + 1)):
                    yield told
                at = until
            elif not await _set_in_time(moved):
                yield comment("still there")

    async def transaction(self, look: Look) -> AsyncGenerator[bytes, None]:
        """Yield where a transaction is: now, and at each change, up to `final` or `rejected`.

        It ends, too, when the node no longer knows the transaction.

        Args:
            look: reads where it is.
        """
        told = ""
        yield _retry()
        while not self._is_closed:
            moved = self._moved
            try:
                view = await look()
            except TransactionNotFound:
                return
            if view.status != told:
                told = view.status
                yield frame("transaction", msgspec.to_builtins(view))
            if told in _ENDED:
                return
            if not await _set_in_time(moved):
                yield comment("still there")

    async def _told(self, heights: Sequence[Height]) -> list[bytes]:
        """Return the events of final blocks; those whose headers were not kept are left out."""
        if all(height in self._recent for height in heights):
            return [_event(*self._recent[height]) for height in heights]
        return await asyncio.to_thread(self._read, heights)

    def _read(self, heights: Sequence[Height]) -> list[bytes]:
        found = (self._header_at(height) for height in heights)
        return [_event(head.block_id, head.header) for head in found if head is not None]

    def _on_final(self, view: ChainView) -> None:
        self._recent[view.header.height] = (view.block_id, view.header)
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


@lru_cache(maxsize=RECENT_MAX)
def _event(block_id: Hash, header: Header) -> bytes:
    """Return the event of a block, which all streams share; made when the first one asks."""
    view = BlockEventView(
        height=header.height,
        block_id=block_id.hex(),
        timestamp_ms=header.timestamp_ms,
        transaction_count=header.transaction_count,
        outcome_count=header.outcome_count,
    )
    return frame("block", msgspec.to_builtins(view), str(header.height))


def _retry() -> bytes:
    return f"retry: {RETRY_MS}\n\n".encode()


async def _set_in_time(moved: asyncio.Event) -> bool:
    """Return whether something moved within the longest silence."""
    with suppress(TimeoutError):
        async with asyncio.timeout(KEEP_ALIVE_S):
            await moved.wait()
    return moved.is_set()
