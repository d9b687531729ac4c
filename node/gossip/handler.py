"""Gossip and compact proposals as one part of the node: what peers send, in; what happens, out."""

from collections.abc import Callable

from consensus import Vote
from ledger.types import Hash, PublicKey
from node.arrived_block import ArrivedBlock
from node.chain import ChainNode
from node.gossip.gossip import Gossip
from node.gossip.metrics import GossipMetrics
from node.gossip.ports import Peers, Pool
from node.gossip.proposals import Deliver, Proposals
from node.p2p import (
    BodyAnswer,
    BodyRequest,
    CompactProposal,
    Message,
    Peer,
    PeerFault,
    ProposalMessage,
    TransactionsAnnouncement,
    TransactionsMessage,
    TransactionsWanted,
)
from node.ports import FoundWork


class TransactionExchange:
    """Everything between peers that is about transactions; used on the event loop."""

    def __init__(
        self,
        chain: ChainNode,
        pool: Pool,
        peers: Peers,
        metrics: GossipMetrics,
        *,
        is_validator: Callable[[], bool],
        is_due: Callable[[Vote], bool],
        deliver: Deliver,
    ) -> None:
        """Connect to the chain; `run` does the rest.

        Args:
            chain: says what clients submit and what blocks leave behind; told when the pool grew.
            pool: the chain's pool.
            peers: the transport.
            metrics: counts what happens.
            is_validator: whether this node is in the current set.
            is_due: whether the block of a leader's vote is worth rebuilding.
            deliver: takes a leader's vote with the bytes of its block, or without.
        """
        self._gossip = Gossip(
            pool,
            peers,
            metrics,
            is_validator=is_validator,
            is_included=lambda identity: _is_included(chain, identity),
            grown=chain.grown,
        )
        self._proposals = Proposals(
            chain.tree,
            pool,
            metrics,
            is_unsent=self._gossip.is_unsent,
            arriving=self._gossip.arriving,
            is_due=is_due,
            deliver=deliver,
        )
        chain.on_submitted(self._gossip.submitted)
        chain.on_abandoned(self._gossip.abandoned)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._gossip.run()

    def form(self, vote: Vote, block: bytes) -> ProposalMessage | CompactProposal:
        """Return the message that a proposal of this node goes out as."""
        return self._proposals.form(vote, block)

    def share_work(self, leader: PublicKey, found: FoundWork) -> None:
        """See to it that a leader can know of a transaction that waits here (E12)."""
        self._gossip.share_work(leader, found)

    async def verify_ahead(self, arrived: ArrivedBlock) -> None:
        """Verify what is unknown of a block that is about to be executed, off the event loop."""
        await self._proposals.verify_ahead(arrived)

    def connected(self, peer: Peer) -> None:
        """Note a new peer; its messages follow."""
        self._gossip.connected(peer)

    def disconnected(self, peer: Peer) -> None:
        """Note that a peer is gone."""
        self._gossip.disconnected(peer)
        self._proposals.disconnected(peer)

    async def received(self, peer: Peer, message: Message) -> None:
        """Take a message that nothing else in the node takes.

        Raises:
            PeerFault: no honest peer sends it.
        """
        match message:
            case TransactionsMessage() | TransactionsAnnouncement() | TransactionsWanted():
                self._gossip.received(peer, message)
            case CompactProposal():
                await self._proposals.proposed(peer, message)
            case BodyAnswer():
                await self._proposals.answered(peer, message)
            case BodyRequest(positions=positions):
                if self._gossip.pays(peer, len(positions)):
                    self._proposals.serve(peer, message)
            case _:
                raise PeerFault("MESSAGE_UNEXPECTED", provable=False)


def _is_included(chain: ChainNode, identity: Hash) -> bool:
    """Return whether an unfinal block that the next one would extend has a transaction."""
    tree = chain.tree
    return identity in tree.pending_ids(tree.head_view.block_id)
