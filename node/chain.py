"""The chain as the rest of the node sees it: final state, pool, and what became final.

Implements `coordinator.ports.Chain`. Everything here runs on the event loop; the final head moves
only in `publish`, after the store's commit is durable.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
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
from ledger.transaction import IdentifiedTransaction
from ledger.types import Address, Amount, ChainId, Hash, Height, TimestampMs
from ledger.views import ChainView
from node.block_tree import BlockTree, TreeBlock
from node.ports import FinalStore, FoundWork, Pool

RECENT_FINAL_MAX: Final = 100_000
"""Final transactions whose height is remembered here; older ones are looked up in the index."""

SEARCH_AGAIN_MS: Final = 10
"""Pause between two searches for work in a pool that holds much that the state refuses."""

FinalLookup = Callable[[Hash], Height | None]
"""Finds the height of an older final transaction, such as by the index; may lag behind."""


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
        if pooled:
            self._on_submitted(pooled)
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

    def status(self, transaction_id: Hash) -> TransactionStatus:
        """Return POOLED, INCLUDED, FINAL or UNKNOWN."""
        if self.height_of(transaction_id) is not None:
            return TransactionStatus.FINAL
        if transaction_id in self.tree.pending_ids(self.tree.head_view.block_id):
            return TransactionStatus.INCLUDED
        if self.pool.contains(transaction_id):
            return TransactionStatus.POOLED
        return TransactionStatus.UNKNOWN

    def height_of(self, transaction_id: Hash) -> Height | None:
        """Return the height of a final transaction, None if it is not known to be final."""
        height = self._recent.get(transaction_id)
        if height is not None or self.pool.contains(transaction_id):
            return height
        return self._find_final(transaction_id)

    async def wait_final(self, transaction_id: Hash, timeout_s: float) -> Height | None:
        """Wait until a transaction is final; return its height, None when the time is over."""
        height = self.height_of(transaction_id)
        if height is not None:
            return height
        future: asyncio.Future[Height] = asyncio.get_running_loop().create_future()
        waiting = self._waiters.setdefault(transaction_id, [])
        waiting.append(future)
        try:
            async with asyncio.timeout(timeout_s):
                return await future
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

    def publish(self, block: TreeBlock) -> None:
        """Make a block that is durable in the store the final head, and tell who waits."""
        parent = self.tree.final_view
        abandoned = self.tree.advance(block)
        ids = block.transaction_ids
        self.pool.settle(ids)
        height = block.view.header.height
        for transaction_id in ids:
            self._recent[transaction_id] = height
            if self._waiters:
                self._tell_waiters(transaction_id, height)
        while len(self._recent) > RECENT_FINAL_MAX:
            self._recent.popitem(last=False)
        for gone in abandoned:
            self._on_abandoned(gone.body)
        for notify in self._on_final:
            notify(parent, block.view)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

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
