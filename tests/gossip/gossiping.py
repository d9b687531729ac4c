"""Real pools that gossip over peers in memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType

from prometheus_client import CollectorRegistry

from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger import apply_block
from ledger.block import Block
from ledger.transaction import SignedTransaction
from ledger.types import Hash
from ledger.views import make_final
from node.gossip.gossip import Gossip
from node.gossip.metrics import GossipMetrics
from node.mempool import Mempool
from node.pool_admission import PoolLimits
from node.signatures import SignatureClaim, SignatureVerifier
from tests.gossip.memory_network import Hub, MemoryNode
from tests.node.pooled_chain import TAGS, PooledChain, id_of, wire


class CountingVerifier(SignatureVerifier):
    """Verifies like any other, and notes what it was asked."""

    def __init__(self) -> None:
        super().__init__(TAGS, 0)
        self.claims: list[SignatureClaim] = []

    async def verify(
        self, claims: Sequence[SignatureClaim], *, is_urgent: bool = False
    ) -> list[bool]:
        self.claims += claims
        return await super().verify(claims, is_urgent=is_urgent)


class GossipNode:
    """A pool on a chain of its own, with the same genesis as the others', and its gossip."""

    def __init__(self, transport: MemoryNode, limits: PoolLimits | None = None) -> None:
        self.transport = transport
        self.chain = PooledChain(limits=limits or PoolLimits())
        self.verifier = CountingVerifier()
        self.pool = Mempool(self.chain, self.verifier, self.chain.clock, self.chain.limits)
        self.chain.pool = self.pool
        self.included: set[Hash] = set()
        self.grew = 0
        self.registry = CollectorRegistry()
        self.gossip = Gossip(
            self.pool,
            transport,
            GossipMetrics(self.registry),
            is_validator=lambda: transport.is_validator,
            is_included=self.included.__contains__,
            grown=self._grown,
        )
        transport.handler = self.gossip
        transport.hub.is_busy.append(self._is_busy)

    def _is_busy(self) -> bool:
        return bool(self.gossip._arrivals._held or self.gossip._outgoing._waiting)

    def _grown(self) -> None:
        self.grew += 1

    async def submit(self, *transactions: SignedTransaction) -> list[SubmitOutcome]:
        """Take transactions of a client, as `ChainNode.submit` does."""
        signed = [wire(each) for each in transactions]
        outcomes = await self.pool.add(signed, "192.0.2.7")
        self.gossip.submitted(
            [
                outcome.transaction_id
                for outcome in outcomes
                if outcome.status is TransactionStatus.POOLED
            ]
        )
        return outcomes

    def has(self, *transactions: SignedTransaction) -> bool:
        return all(self.pool.contains(id_of(each)) for each in transactions)

    def make_final(self, block: Block) -> None:
        """Execute a block of another node and make it final."""
        result = apply_block(self.chain.final_view, block)
        self.pool.release(result.transaction_ids)
        self.chain.head_view = result.view
        self.chain.final_view = make_final(self.chain.final_view, result.view)
        self.chain.head_view = self.chain.final_view
        self.pool.settle()

    def dropped(self) -> float:
        return self.registry.get_sample_value("aitbc_gossip_dropped_transactions_total") or 0.0

    def bytes_received(self) -> list[bytes]:
        """Return all transactions that came in as bytes, copies included."""
        return [
            data
            for _, message in self.transport.received
            for data in getattr(message, "transactions", ())
        ]


@asynccontextmanager
async def network(
    validators: int,
    followers: int = 0,
    *,
    connected: bool = True,
    limits: Mapping[int, PoolLimits] = MappingProxyType({}),
) -> AsyncIterator[tuple[Hub, list[GossipNode]]]:
    """Run validators and then followers, each connected to all; some with other limits."""
    hub = Hub()
    nodes = [
        GossipNode(hub.node(number, is_validator=number < validators), limits.get(number))
        for number in range(validators + followers)
    ]
    tasks = [asyncio.create_task(node.gossip.run()) for node in nodes]
    if connected:
        hub.connect_all()
    try:
        yield hub, nodes
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
