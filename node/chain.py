"""The chain as the rest of the node sees it: final state, pool, and what became final.

Implements `coordinator.ports.Chain`. Everything here runs on the event loop; the final head moves
only in `publish`, after the store's commit is durable.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coordinator.ports import (
    BlocksNotKept,
    FinalBlock,
    FinalHead,
    SubmitOutcome,
    TransactionStatus,
)
from ledger import balance_of, name_key
from ledger.hashing import Tags
from ledger.params import TIMESTAMP_DRIFT_MS, Parameters
from ledger.records import Gap, Job, Miner, MinerNameClaim, Table, state_key
from ledger.steps import UNITS_PER_STEP, Steps
from ledger.transaction import IdentifiedTransaction
from ledger.types import Address, Amount, ChainId, Hash, Height, TimestampMs
from ledger.views import ChainView
from node.block_tree import BlockTree, TreeBlock
from node.newest_blocks import NewestBlocks
from node.ports import FinalStore, FoundWork, Pool

RECENT_FINAL_MAX: Final = 100_000
"""Final transactions whose height is remembered here; older ones are looked up, in a thread."""

SEARCH_AGAIN_MS: Final = 10
"""Pause between two searches for work in a pool that holds much that the state refuses."""

LOOKUP_MAX: Final = 500
"""Transactions that one thread looks up at once."""

LOOKUPS_AT_ONCE: Final = 2
"""Threads that look up; further questions wait, and the node's other threads do not."""

SPREAD_MAX: Final = 1_000
"""Submitted transactions that are given to gossip in one piece, before others have their turn."""

FinalLookup = Callable[[Sequence[Hash]], Mapping[Hash, Height]]
"""Finds heights of older final transactions, such as by the index; may lag behind. Reads
databases: it is called in a thread."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where a transaction is."""

    status: TransactionStatus
    """POOLED, INCLUDED, FINAL or UNKNOWN."""
    height: Height | None = None
    """Height of its final block."""


@dataclass(frozen=True, slots=True)
class Work:
    """Something for a block, or the time to look for it."""

    due_ms: TimestampMs
    """Wall-clock time from which on it is there."""
    found: FoundWork | None = None
    """The transaction that is the reason, if one is."""


class ChainNode:
    """Reads, submissions, and waiting for finality."""

    def __init__(
        self, tree: BlockTree, pool: Pool, store: FinalStore, find_final: FinalLookup
    ) -> None:
        """Serve a chain.

        Args:
            tree: final view and what is above it.
            pool: transactions that wait; its views are the tree.
            store: durable final blocks.
            find_final: see `FinalLookup`.
        """
        self.tree = tree
        self.pool = pool
        self._store = store
        self._find_final = find_final
        self._recent: OrderedDict[Hash, Height] = OrderedDict()
        self._newest = NewestBlocks()
        self._lookups = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._waiters: dict[Hash, list[asyncio.Future[Height]]] = {}
        self._moved = asyncio.Event()
        self._on_growth: Callable[[], None] = lambda: None
        self._on_submitted: Callable[[Sequence[Hash]], None] = lambda _ids: None
        self._on_abandoned: Callable[[Sequence[IdentifiedTransaction]], None] = lambda _body: None
        self._on_final: list[Callable[[ChainView, ChainView], None]] = []

    # ------------------------------------------------------------ the final state

    @property
    def chain_id(self) -> ChainId:
        """Id of the chain."""
        return self.tree.final_view.header.chain_id

    @property
    def tags(self) -> Tags:
        """Tags of the chain."""
        return self.tree.final_view.tags

    def head(self) -> FinalHead:
        """Return the newest final block."""
        view = self.tree.final_view
        return FinalHead(view.header.height, view.block_id, view.header.timestamp_ms)

    def parameters(self) -> Parameters:
        """Return the parameters in force."""
        return self.tree.final_view.parameters

    def gap_at(self, now_ms: TimestampMs) -> Gap | None:
        """Return the record of a halt that a block now, on the final one, works under (J12)."""
        return self.tree.final_view.gap_at(now_ms)

    def balance(self, address: Address) -> Amount:
        """Return the final balance; 0 for an account that is not there."""
        return balance_of(self.tree.final_view.state, address)

    def spendable(self, address: Address) -> Amount:
        """Return the final balance less what pooled transactions would spend.

        The pool holds a transaction until it is final, so those in unfinal blocks are counted.
        """
        return max(0, self.balance(address) - self.pool.pooled_spend(address))

    def job(self, job_id: Hash) -> Job | None:
        """Return a live job of the final state; None means "not live" (J29)."""
        record = self.tree.final_view.state.get(state_key(Table.JOB, job_id))
        assert record is None or isinstance(record, Job)
        return record

    def miner(self, address: Address) -> Miner | None:
        """Return a registered miner of the final state."""
        record = self.tree.final_view.state.get(state_key(Table.MINER, address))
        assert record is None or isinstance(record, Miner)
        return record

    def miner_address(self, name: str) -> Address | None:
        """Return who holds a miner name, without regard to case."""
        if not name.isascii():
            return None
        record = self.tree.final_view.state.get(name_key(name))
        assert record is None or isinstance(record, MinerNameClaim)
        return record.miner if record else None

    # ------------------------------------------------------------ transactions

    async def submit(self, signed: Sequence[bytes], source: str = "") -> list[SubmitOutcome]:
        """Admit canonical signed transactions to the pool, each with an explicit outcome.

        Args:
            signed: the bytes of each; hostile.
            source: who sent them; empty for this node itself.
        """
        outcomes = await self.pool.add(signed, source)
        pooled = [
            outcome.transaction_id
            for outcome in outcomes
            if outcome.status is TransactionStatus.POOLED
        ]
        for start in range(0, len(pooled), SPREAD_MAX):
            if start:
                await asyncio.sleep(0)
            self._on_submitted(pooled[start : start + SPREAD_MAX])
        if pooled:
            self.grown()
        return outcomes

    def grown(self) -> None:
        """Tell the driver that the pool grew."""
        self._on_growth()

    def on_growth(self, notify: Callable[[], None]) -> None:
        """Have the driver told whenever the pool grew."""
        self._on_growth = notify

    def on_submitted(self, notify: Callable[[Sequence[Hash]], None]) -> None:
        """Have gossip told of what clients submitted here and the pool took, before `on_growth`."""
        self._on_submitted = notify

    def on_abandoned(self, notify: Callable[[Sequence[IdentifiedTransaction]], None]) -> None:
        """Have gossip told of the transactions of executed blocks that cannot become final."""
        self._on_abandoned = notify

    async def status(self, transaction_id: Hash) -> TransactionStatus:
        """Return POOLED, INCLUDED, FINAL or UNKNOWN."""
        return (await self.locate(transaction_id)).status

    async def locate(self, transaction_id: Hash) -> Located:
        """Return where a transaction is; what memory does not know is looked up in a thread."""
        height = (await self.heights_of([transaction_id])).get(transaction_id)
        if height is not None:
            return Located(TransactionStatus.FINAL, height)
        if transaction_id in self.tree.pending_ids(self.tree.head_view.block_id):
            return Located(TransactionStatus.INCLUDED)
        is_pooled = self.pool.contains(transaction_id)
        return Located(TransactionStatus.POOLED if is_pooled else TransactionStatus.UNKNOWN)

    def recent_height(self, transaction_id: Hash) -> Height | None:
        """Return the height of a transaction that became final lately; None may be an older one."""
        return self._recent.get(transaction_id)

    async def heights_of(self, transaction_ids: Sequence[Hash]) -> dict[Hash, Height]:
        """Return the heights of those among some transactions that are known to be final.

        No database is read on the event loop: one slow read there would keep votes waiting.
        """
        unknown = [each for each in transaction_ids if not self._is_at_hand(each)]
        found: dict[Hash, Height] = {}
        for start in range(0, len(unknown), LOOKUP_MAX):
            part = unknown[start : start + LOOKUP_MAX]
            async with self._lookups:
                found |= await asyncio.to_thread(self._find_final, part)
        # The databases know of blocks that nobody was told of yet (K1).
        head = self.head().height
        found = {each: height for each, height in found.items() if height <= head}
        # What became final meanwhile is in memory.
        recent = ((each, self._recent.get(each)) for each in transaction_ids)
        return found | {each: height for each, height in recent if height is not None}

    def _is_at_hand(self, transaction_id: Hash) -> bool:
        """Return whether memory knows where a transaction is."""
        return transaction_id in self._recent or self.pool.contains(transaction_id)

    async def wait_final(self, transaction_id: Hash, timeout_s: float) -> Height | None:
        """Wait until a transaction is final; return its height, None when the time is over."""
        future: asyncio.Future[Height] = asyncio.get_running_loop().create_future()
        waiting = self._waiters.setdefault(transaction_id, [])
        waiting.append(future)
        try:
            async with asyncio.timeout(timeout_s):
                known = await self.heights_of([transaction_id])
                return known[transaction_id] if known else await future
        except TimeoutError:
            return None
        finally:
            waiting.remove(future)
            if not waiting and self._waiters.get(transaction_id) is waiting:
                del self._waiters[transaction_id]

    # ------------------------------------------------------------ final blocks

    async def blocks_after(self, height: Height, limit: int) -> Sequence[FinalBlock]:
        """Return published final blocks height+1 …, at most `limit`, in order.

        The store is durable before everybody is told: what is above `head` stays out, so that who
        follows blocks is never ahead of the final state that is read beside them (K1).

        Raises:
            BlocksNotKept: the chain goes on above `height`, and block height+1 is not held whole.
        """
        limit = min(limit, self.head().height - height)
        if limit <= 0:
            return ()
        if newest := self._newest.after(height, limit):
            return newest
        stored = await asyncio.to_thread(self._store.final_blocks, height, limit)
        if stored[0].height != height + 1:
            raise BlocksNotKept(height + 1, stored[0].height)
        return [
            FinalBlock(
                block_id=block.block_id,
                header=block.header,
                transactions=block.transactions,
                transaction_ids=block.transaction_ids,
                outcomes=block.outcomes,
            )
            for block in stored
        ]

    async def follow(self) -> AsyncIterator[Height]:
        """Yield the final height now and whenever it rises; may skip heights."""
        told: Height | None = None
        while True:
            moved, height = self._moved, self.head().height
            if height != told:
                told = height
                yield height
            else:
                await moved.wait()

    def on_final(self, notify: Callable[[ChainView, ChainView], None]) -> None:
        """Have somebody told of each final block and its parent; their headers may be read."""
        self._on_final.append(notify)

    def publish(self, block: TreeBlock) -> Steps[None]:
        """Make a block that is durable in the store the final head, and tell who waits.

        The caller holds the tree's turn until all steps are done. The pool lets the block's
        transactions go first, in pieces; then head and state move, in one piece; whoever waits is
        told last. In between a transaction is where the store or the tree says.
        """
        parent = self.tree.final_view
        ids = block.transaction_ids
        for part in _parts(ids):
            self.pool.release(part)
            yield len(part)
        abandoned = self.tree.advance(block)
        self._newest.add(block)
        self.pool.settle()
        yield UNITS_PER_STEP
        height = block.view.header.height
        for part in _parts(ids):
            self._remember(part, height)
            yield len(part)
        for gone in abandoned:
            self._on_abandoned(gone.body)
        for notify in self._on_final:
            notify(parent, block.view)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def _remember(self, ids: Sequence[Hash], height: Height) -> None:
        """Note the height of transactions that are final, and tell who waits for one of them."""
        for transaction_id in ids:
            self._recent[transaction_id] = height
            if self._waiters:
                self._tell_waiters(transaction_id, height)
        while len(self._recent) > RECENT_FINAL_MAX:
            self._recent.popitem(last=False)

    def _tell_waiters(self, transaction_id: Hash, height: Height) -> None:
        for future in self._waiters.pop(transaction_id, ()):
            if not future.done():
                future.set_result(height)

    # ------------------------------------------------------------ work for a block

    def work_at(self, parent_id: Hash, now_ms: TimestampMs, *, leading: bool) -> Work | None:
        """Return when there is something for a block on a parent, None if nothing is in sight.

        A pooled transaction that the parent's state takes is work now. Automatic work is due for
        the leader once its clock is past it, for others only after the clock drift as well (S3).
        """
        parent = self.tree.view_of(parent_id)
        if parent is None:
            return None
        found = self.pool.find_work(parent, self.tree.pending_ids(parent_id))
        if found.reference is not None:
            return Work(now_ms, found)
        if found.is_unsure:
            return Work(now_ms + SEARCH_AGAIN_MS)
        due_ms = parent.next_due_ms
        if due_ms is None:
            return None
        return Work(due_ms + 1 + (0 if leading else TIMESTAMP_DRIFT_MS))


def _parts(ids: Sequence[Hash]) -> Iterator[Sequence[Hash]]:
    """Yield parts of a block's transactions, each a step of work."""
    for start in range(0, len(ids), UNITS_PER_STEP):
        yield ids[start : start + UNITS_PER_STEP]
