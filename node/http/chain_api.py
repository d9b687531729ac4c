"""What the chain routes stand on, and the questions that need more than one part of the node."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from coordinator.errors import NotFound
from coordinator.ports import SubmitOutcome, TransactionStatus
from coordinator.wire import transaction_text
from ledger.store import ChainStore, StoredBlock
from ledger.types import Address, Hash
from node.chain import ChainNode
from node.coordinator_watch import CoordinatorWatch
from node.http.body_room import BodyRoom
from node.http.chain_bodies import TURN
from node.http.chain_views import (
    AccountView,
    ChainStatusView,
    HeadView,
    PoolView,
    SubmittedView,
    TransactionView,
    account_view,
    final_view,
    submitted_view,
)
from node.http.status_views import (
    consensus_view,
    coordinator_view,
    index_view,
    peers_view,
    sync_view,
)
from node.http.waiting import Waiting
from node.index_process import IndexProcess
from node.mempool import Mempool
from node.status import NodeReport

WAIT_SECONDS: Final = 10
"""Longest that a submission waits for finality."""


class BlockNotFound(NotFound):
    """No final block of this height or id."""

    code = "BLOCK_NOT_FOUND"
    text = "Block not found"


class TransactionNotFound(NotFound):
    """Not known here: never sent, or dropped long ago."""

    code = "TRANSACTION_NOT_FOUND"
    text = "Transaction not found"


@dataclass(frozen=True, slots=True)
class ChainApi:
    """Answers questions about the chain; used on the event loop."""

    chain: ChainNode
    """Final state and waiting."""
    pool: Mempool
    """Transactions that wait, and reasons for those that left."""
    store: ChainStore
    """Durable blocks."""
    index: IndexProcess
    """How far the index is."""
    request_bytes_max: int
    """Bytes of one submission."""
    room: BodyRoom
    """Room for the submissions that the pool has not seen yet."""
    report: Callable[[], NodeReport]
    """What the node waits for."""
    coordinator: CoordinatorWatch | None = None
    """How the coordinator does; None on a node without one."""

    def status(self) -> ChainStatusView:
        """Return where the node stands."""
        final, head = self.chain.tree.final_view, self.chain.tree.head_view
        report = self.report()
        return ChainStatusView(
            chain_id=self.chain.chain_id,
            genesis_digest=self.chain.tags.genesis_digest.hex(),
            protocol_version=final.parameters.protocol_version,
            height=final.header.height,
            block_id=final.block_id.hex(),
            timestamp_ms=final.header.timestamp_ms,
            epoch=final.header.epoch,
            head=HeadView(
                height=head.header.height,
                block_id=head.block_id.hex(),
                timestamp_ms=head.header.timestamp_ms,
            ),
            validators=len(final.validators.members),
            pool=PoolView(transactions=len(self.pool), bytes=self.pool.bytes_total),
            indexed_height=self.index.height,
            index=index_view(self.index),
            consensus=consensus_view(report),
            peers=peers_view(report),
            sync=sync_view(report.sync),
            coordinator=coordinator_view(self.coordinator),
        )

    def account(self, address: Address) -> AccountView:
        """Return an account of the final state (K1)."""
        return account_view(
            address,
            self.chain.balance(address),
            self.chain.spendable(address),
            self.chain.head().height,
        )

    async def block(self, reference: int | Hash) -> StoredBlock:
        """Return a final block by height or id.

        Raises:
            BlockNotFound: there is none.
        """
        if isinstance(reference, int):
            block = await asyncio.to_thread(self.store.block_at, reference)
        else:
            block = await asyncio.to_thread(self.store.block_by_id, reference)
        # The store is durable an instant before everybody else is told (K1).
        if block is None or block.height > self.chain.head().height:
            raise BlockNotFound
        return block

    async def transaction(self, transaction_id: Hash) -> TransactionView:
        """Return where a transaction is.

        Raises:
            TransactionNotFound: it is not known here.
        """
        found = await self.chain.locate(transaction_id)
        if found.height is not None:
            block = await self.block(found.height)
            return final_view(block, block.transaction_ids.index(transaction_id))
        text = transaction_text(transaction_id)
        if found.status in {TransactionStatus.POOLED, TransactionStatus.INCLUDED}:
            return TransactionView(transaction_id=text, status=found.status.value)
        reason = self.pool.drop_of(transaction_id)
        if reason is None:
            raise TransactionNotFound
        return TransactionView(
            transaction_id=text, status="rejected", code=reason.code, detail=str(reason)
        )

    async def answers(
        self, outcomes: Sequence[SubmitOutcome], *, wait_final: bool
    ) -> list[SubmittedView]:
        """Return what became of submitted transactions.

        Args:
            outcomes: what the pool said.
            wait_final: whether to wait until each is final or dropped, at most `WAIT_SECONDS`.
        """
        decided: dict[int, SubmittedView] = {}
        if wait_final:
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_SECONDS):
                    await Waiting(self.chain, self.pool, outcomes, decided).run()
        views: list[SubmittedView] = []
        for start in range(0, len(outcomes), TURN):
            if start:
                await asyncio.sleep(0)
            part = range(start, min(start + TURN, len(outcomes)))
            views.extend(decided.get(at) or submitted_view(outcomes[at]) for at in part)
        return views
