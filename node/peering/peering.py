"""From messages of peers to the parts that take them: the handler of the transport.

Consensus takes messages of members only, and a vote only from who signed it: votes travel directly,
so nobody else has a reason to send one, and a forged one is its sender's fault. One exception shows
a validator votes of its own key (E10, see `first_votes`). Everybody may ask for final blocks.
"""

from dataclasses import dataclass
from typing import Protocol

from consensus import Vote
from ledger.errors import CodecError
from ledger.types import Epoch
from node.inbox import Inbox, ProposalMismatched
from node.p2p import (
    BlockAnswer,
    BlockRequest,
    CertificateMessage,
    CertificatesRequest,
    CompactProposal,
    Message,
    Peer,
    PeerFault,
    ProposalMessage,
    RangeAnswer,
    RangeRequest,
    StatusMessage,
    VoteMessage,
)
from node.peering.announcer import Announcer
from node.peering.answers import Answers
from node.peering.first_votes import FirstVotes
from node.peering.links import MemberLinks
from node.peering.presence import Presence
from node.sync import Syncer


class Gossip(Protocol):
    """What is about transactions; `node.gossip.TransactionExchange` is one."""

    def connected(self, peer: Peer) -> None:
        """Note a new peer."""

    def disconnected(self, peer: Peer) -> None:
        """Note that a peer is gone."""

    async def verify_ahead(self, block: bytes) -> None:
        """Verify what is unknown of a block that is about to be executed, off the event loop."""

    async def received(self, peer: Peer, message: Message) -> None:
        """Take a message that nothing else here takes.

        Raises:
            PeerFault: no honest peer sends it.
        """


@dataclass(frozen=True, slots=True)
class PeeringParts:
    """Where messages go."""

    inbox: Inbox
    """Consensus."""
    links: MemberLinks
    """Who is a member."""
    answers: Answers
    """Questions for blocks."""
    announcer: Announcer
    """Tells where this node is."""
    syncer: Syncer
    """Fetches final blocks."""
    presence: Presence
    """Who was heard, and when."""
    first_votes: FirstVotes
    """Shows others their votes, and learns of own ones (S10, E10)."""
    gossip: Gossip
    """Transactions."""


class Peering:
    """Implements `node.p2p.PeerHandler`; `attach` comes before the transport starts."""

    def __init__(self) -> None:
        self._parts: PeeringParts

    def attach(self, parts: PeeringParts) -> None:
        """Say where messages go; they need the transport, which needs this handler."""
        self._parts = parts

    def connected(self, peer: Peer) -> None:
        """Note a new peer, and tell it where this node is."""
        parts = self._parts
        parts.presence.connected(peer)
        parts.first_votes.show(peer)
        parts.announcer.tell(peer)
        parts.gossip.connected(peer)

    def disconnected(self, peer: Peer) -> None:
        """Note that a peer is gone."""
        parts = self._parts
        parts.presence.disconnected(peer)
        parts.links.forget(peer)
        parts.announcer.forget(peer)
        parts.syncer.left(peer)
        parts.gossip.disconnected(peer)

    async def received(self, peer: Peer, message: Message) -> None:
        """Handle a message.

        Raises:
            PeerFault: disconnect it, and ban it if the fault is provable.
        """
        parts = self._parts
        parts.presence.heard(peer)
        match message:
            case StatusMessage():
                self._on_status(peer, message)
            case RangeRequest():
                await parts.answers.final_range(peer, message)
            case RangeAnswer():
                await parts.syncer.answered(peer, message)
            case BlockRequest(block_id=block_id):
                await parts.answers.block(peer, block_id)
            case VoteMessage() | ProposalMessage() | CertificateMessage() | CertificatesRequest():
                await parts.inbox.room()
                self._on_consensus(peer, message)
            case BlockAnswer(block=block):
                if parts.links.owes_block(peer):
                    await parts.gossip.verify_ahead(block)
                    await parts.inbox.room()
                    self._take_block(block)
            case CompactProposal(vote=vote):
                await parts.inbox.room()
                if parts.links.member_of(peer) == vote.signer:
                    await parts.gossip.received(peer, message)
            case _:
                await parts.gossip.received(peer, message)

    def deliver_proposal(self, peer: Peer, vote: Vote, block: bytes | None) -> None:
        """Take a leader's vote, with the bytes of its block if they are known.

        Raises:
            PeerFault: the bytes are not the block that the vote names.
        """
        member = self._parts.links.member_of(peer)
        if member is not None:
            self._on_vote(peer, member, vote, block)

    # ------------------------------------------------------------ one kind each

    def _on_status(self, peer: Peer, message: StatusMessage) -> None:
        parts = self._parts
        parts.presence.announced(peer, message)
        parts.first_votes.announced(peer, message)
        parts.syncer.announced(peer, message)

    def _on_consensus(
        self,
        peer: Peer,
        message: VoteMessage | ProposalMessage | CertificateMessage | CertificatesRequest,
    ) -> None:
        member = self._parts.links.member_of(peer)
        if member is None:
            return  # A newly elected member may know it before this node does.
        match message:
            case VoteMessage(vote=vote):
                self._on_vote(peer, member, vote)
            case ProposalMessage(vote=vote, block=block):
                self._on_vote(peer, member, vote, block)
            case CertificateMessage(certificate=certificate):
                if self._is_current(peer, certificate.statement.epoch):
                    self._parts.inbox.deliver_certificate(certificate, member)
            case CertificatesRequest(epoch=epoch, views=views):
                if self._is_current(peer, epoch):
                    self._parts.inbox.deliver_request(views, member)

    def _on_vote(self, peer: Peer, member: int, vote: Vote, block: bytes | None = None) -> None:
        parts = self._parts
        if not self._is_current(peer, vote.statement.epoch):
            return
        if vote.signer != member:
            parts.first_votes.shown(vote)
            return
        parts.first_votes.heard(vote)
        try:
            parts.inbox.deliver_vote(vote, member, block)
        except (CodecError, ProposalMismatched) as error:
            raise PeerFault(error.code, provable=True) from None

    def _is_current(self, peer: Peer, epoch: Epoch) -> bool:
        """Return whether a message is of this node's epoch; tell a peer that is behind."""
        own = self._parts.links.committee.epoch
        if epoch < own:
            self._parts.announcer.tell_soon(peer)
        return epoch == own

    def _take_block(self, block: bytes) -> None:
        try:
            self._parts.inbox.deliver_block(block)
        except CodecError as error:
            raise PeerFault(error.code, provable=True) from None
