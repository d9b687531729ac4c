"""Two nodes with real trees and pools, one of which proposes to the other."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from consensus import BlockRef, Notarize, Verdict, Vote
from ledger.actions import Transfer
from ledger.codec import encode
from ledger.fees import with_least_fee
from ledger.params import Parameters
from ledger.steps import at_once
from ledger.transaction import SignedTransaction, Transaction, identify, sign
from node.arrived_block import ArrivedBlock
from node.block_tree import BlockTree, TreeBlock
from node.gossip.metrics import GossipMetrics
from node.gossip.proposals import Proposals
from node.mempool import Mempool
from node.p2p import (
    BodyAnswer,
    BodyRequest,
    CompactProposal,
    Message,
    ProposalMessage,
)
from node.pool_admission import PoolLimits
from node.signatures import SignatureVerifier
from tests.gossip.memory_network import Hub, MemoryNode, MemoryPeer
from tests.node.lone_node import CHAIN_ID, RICH, TAGS, VALIDATOR, StillClock, genesis, id_of

PARAMETERS = Parameters(account_fee=0, epoch_ms=2**40, delta_ms=5_000)
"""A Δ that does not pass during a test, however busy the machine is."""
IMPATIENT = Parameters(account_fee=0, epoch_ms=2**40, delta_ms=20)
CLOCK = StillClock()


def transfer(amount: int = 1) -> SignedTransaction:
    transaction = Transaction(
        version=1,
        chain_id=CHAIN_ID,
        sender_public_key=RICH.public_key,
        action=Transfer(RICH.address, amount),
        fee=0,
        valid_until_ms=CLOCK.wall_ms() + 60_000,
        salt=secrets.token_bytes(16),
    )
    return sign(TAGS, with_least_fee(PARAMETERS, transaction), RICH)


BODY = [transfer(amount) for amount in range(1, 41)]


class Node:
    """A tree, a pool and the two sides of proposals; notes what is delivered."""

    def __init__(self, transport: MemoryNode, parameters: Parameters = PARAMETERS) -> None:
        self.transport = transport
        transport.handler = self
        self.tree = BlockTree(genesis(parameters))
        self.pool = Mempool(self.tree, SignatureVerifier(TAGS, 0), CLOCK, PoolLimits())
        self.unsent: set[bytes] = set()
        self.arriving: dict[bytes, bytes] = {}
        self.is_due = True
        self.delivered: list[tuple[Vote, bytes | None]] = []
        self.came = asyncio.Event()
        self.seen: list[Message] = []
        self.registry = CollectorRegistry()
        self.proposals = Proposals(
            self.tree,
            self.pool,
            GossipMetrics(self.registry),
            is_unsent=self.unsent.__contains__,
            arriving=self.arriving.get,
            is_due=lambda _vote: self.is_due,
            deliver=self._deliver,
        )

    def _deliver(self, _peer: object, vote: Vote, block: ArrivedBlock | None) -> None:
        self.delivered.append((vote, block.data if block else None))
        self.came.set()

    def connected(self, peer: MemoryPeer) -> None: ...

    def disconnected(self, peer: MemoryPeer) -> None:
        self.proposals.disconnected(peer)

    async def received(self, peer: MemoryPeer, message: Message) -> None:
        self.seen.append(message)
        match message:
            case CompactProposal():
                await self.proposals.proposed(peer, message)
            case BodyAnswer():
                await self.proposals.answered(peer, message)
            case BodyRequest():
                self.proposals.serve(peer, message)
            case ProposalMessage():
                self.delivered.append((message.vote, message.block))
            case _:
                raise AssertionError(message)

    async def pooled(self, transactions: Sequence[SignedTransaction]) -> None:
        await self.pool.add([encode(each) for each in transactions])

    def build(self, body: Sequence[SignedTransaction]) -> TreeBlock:
        root = self.tree.final_view.block_id
        wall_ms = CLOCK.wall_ms()
        known = [self.pool.get(id_of(encode(each))) or identify(TAGS, each) for each in body]
        steps = self.tree.build(root, 1, VALIDATOR.public_key, wall_ms, known)
        block, refused = at_once(steps)
        assert not refused
        return block

    def judge(self, block: TreeBlock, data: bytes) -> Verdict:
        assert self.tree.offer(data) == block.view.block_id
        ref = BlockRef(1, block.view.block_id)
        return at_once(self.tree.certify(ref, self.pool.is_verified)).verdict


def vote_for(block: TreeBlock) -> Vote:
    header = block.block.header
    statement = Notarize(header.epoch, header.view, header.parent_view, block.view.block_id)
    return Vote(statement, 0, bytes(64))


def pair(parameters: Parameters = PARAMETERS) -> tuple[Hub, Node, Node]:
    hub = Hub()
    leader, other = (Node(hub.node(number), parameters) for number in (0, 1))
    hub.connect(leader.transport, other.transport)
    return hub, leader, other


def send(leader: Node, other: Node, message: Any) -> None:
    leader.transport.links[other.transport].send(message)


def propose(leader: Node, other: Node, block: TreeBlock) -> Message:
    message = leader.proposals.form(vote_for(block), block.data)
    send(leader, other, message)
    return message
