"""From messages of peers to the parts that take them: the handler of the transport.

Consensus takes messages of members only, and a vote only from who signed it: votes travel directly,
so nobody else has a reason to send one, and a forged one is its sender's fault. One exception shows
a validator votes of its own key (E10, see `first_votes`). Everybody may ask for final blocks.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import structlog

from consensus import Vote
from ledger.errors import CodecError
from ledger.types import Epoch
from node.arrived_block import ArrivedBlock
from node.final_range import header_of
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
    RangeProof,
    RangeRequest,
    Role,
    StatusMessage,
    VoteMessage,
    WordAnswer,
    WordRequest,
)
from node.peering.announcer import Announcer
from node.peering.answers import Answers
from node.peering.first_votes import FirstVotes
from node.peering.links import MemberLinks
from node.peering.presence import Presence
from node.peering.repetitions import Repetitions
from node.peering.statuses import Statuses
from node.sync import Syncer

EARLY_MAX: Final = 64
"""Messages of the next epoch that are kept of each member until this node is in it: members change
epochs within milliseconds of each other, and what the first ones say is not said again soon."""

Consensus: TypeAlias = (
    VoteMessage | ProposalMessage | CompactProposal | CertificateMessage | CertificatesRequest
)
"""What members say to each other."""

log = structlog.get_logger(__name__)


class Gossip(Protocol):
    """What is about transactions; `node.gossip.TransactionExchange` is one."""

    def connected(self, peer: Peer) -> None:
        """Note a new peer."""

    def disconnected(self, peer: Peer) -> None:
        """Note that a peer is gone."""

    async def verify_ahead(self, arrived: ArrivedBlock) -> None:
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
        self._early: dict[Peer, deque[Consensus]] = {}
        self._early_proposers: set[Peer] = set()
        self._replaying: set[asyncio.Task[None]] = set()
        self._statuses = Statuses(self._on_status)
        self._repetitions = Repetitions()

    def attach(self, parts: PeeringParts) -> None:
        """Say where messages go; they need the transport, which needs this handler."""
        self._parts = parts

    def enter_epoch(self) -> None:
        """Take up what members sent of this epoch while this node was still in the last one."""
        early, self._early = self._early, {}
        self._early_proposers.clear()
        if early:
            replaying = asyncio.get_running_loop().create_task(self._replay(early))
            self._replaying.add(replaying)
            replaying.add_done_callback(self._replaying.discard)

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
        parts.first_votes.forget(peer)
        parts.links.forget(peer)
        parts.announcer.forget(peer)
        parts.answers.forget(peer)
        parts.syncer.left(peer)
        parts.gossip.disconnected(peer)
        self._statuses.forget(peer)
        self._early_proposers.discard(peer)
        self._early.pop(peer, None)

    async def received(self, peer: Peer, message: Message) -> None:
        """Handle a message.

        Raises:
            PeerFault: disconnect it, and ban it if the fault is provable.
        """
        parts = self._parts
        parts.presence.heard(peer)
        match message:
            case StatusMessage():
                self._statuses.came(peer, message)
            case WordRequest():
                parts.first_votes.asked(peer, message)
            case WordAnswer():
                parts.first_votes.answered(peer, message)
            case RangeRequest():
                await parts.answers.final_range(peer, message)
            case RangeAnswer() | RangeProof():
                await parts.syncer.answered(peer, message)
            case BlockRequest(block_id=block_id):
                await parts.answers.block(peer, block_id)
            case (
                VoteMessage()
                | ProposalMessage()
                | CompactProposal()
                | CertificateMessage()
                | CertificatesRequest()
            ):
                await parts.inbox.room()
                await self._on_consensus(peer, message)
            case BlockAnswer(block=block):
                if parts.links.owes_blocks(peer):
                    await self._take_block(peer, block)
            case _:
                await parts.gossip.received(peer, message)

    def deliver_proposal(self, peer: Peer, vote: Vote, block: ArrivedBlock | None) -> None:
        """Take a leader's vote, with its block if that is known.

        Raises:
            PeerFault: the bytes are not the block that the vote names.
        """
        links = self._parts.links
        member = links.member_of(peer)
        if member is not None and vote.statement.epoch == links.committee.epoch:
            self._on_vote(member, vote, block)

    # ------------------------------------------------------------ one kind each

    def _on_status(self, peer: Peer, message: StatusMessage) -> None:
        parts = self._parts
        parts.presence.announced(peer, message)
        parts.announcer.compare(peer, message)
        parts.first_votes.announced(peer, message)
        parts.syncer.announced(peer, message)

    async def _replay(self, early: dict[Peer, deque[Consensus]]) -> None:
        for peer, messages in early.items():
            for message in messages:
                try:
                    await self._on_consensus(peer, message)
                except PeerFault as fault:
                    self._parts.links.report_peer(peer, fault.code, provable=fault.provable)
                except Exception:
                    log.exception("early_message_failed", kind=type(message).__name__)

    def _keep_early(self, peer: Peer, message: Consensus) -> None:
        """Keep a message of the next epoch: one proposal of each member, since those are large."""
        if isinstance(message, ProposalMessage | CompactProposal):
            if peer in self._early_proposers:
                return
            self._early_proposers.add(peer)
        self._early.setdefault(peer, deque(maxlen=EARLY_MAX)).append(message)

    async def _on_consensus(self, peer: Peer, message: Consensus) -> None:
        parts = self._parts
        member, epoch = parts.links.member_of(peer), parts.links.committee.epoch
        said = epoch_of(message)
        if said < epoch:
            parts.announcer.tell_soon(peer)  # It is behind.
        elif said == epoch + 1:
            parts.links.expect_next()
            if peer.role is Role.VALIDATOR:
                self._keep_early(peer, message)
        if member is None or said != epoch:
            return
        match message:
            case VoteMessage(vote=vote):
                self._on_vote(member, vote)
            case ProposalMessage(vote=vote, block=block):
                self._on_vote(member, vote, block)
            case CompactProposal(vote=vote):
                if member == vote.signer:
                    await parts.gossip.received(peer, message)
            case CertificateMessage(certificate=certificate):
                parts.inbox.deliver_certificate(certificate, member)
            case CertificatesRequest(views=views):
                parts.inbox.deliver_request(views, member)

    def _on_vote(self, member: int, vote: Vote, block: bytes | ArrivedBlock | None = None) -> None:
        parts = self._parts
        if vote.signer != member:
            parts.first_votes.shown(vote, member)
            return
        now_ms = int(asyncio.get_running_loop().time() * 1_000)
        if not self._repetitions.is_new(vote, now_ms, has_block=block is not None):
            return
        parts.first_votes.heard(vote)
        try:
            parts.inbox.deliver_vote(vote, member, block)
        except (CodecError, ProposalMismatched) as error:
            raise PeerFault(error.code, provable=True) from None

    async def _take_block(self, peer: Peer, data: bytes) -> None:
        """Take the answer of a peer that owes blocks, if it is one of them.

        Of any other block no more than the header is decoded.
        """
        parts = self._parts
        try:
            block_id = parts.inbox.id_of(header_of(data))
            if not parts.links.settle_block(peer, block_id):
                return
            arrived = ArrivedBlock.read(data)
        except CodecError as error:
            raise PeerFault(error.code, provable=True) from None
        await parts.gossip.verify_ahead(arrived)
        await parts.inbox.room()
        parts.inbox.deliver_block(arrived)


def epoch_of(message: Consensus) -> Epoch:
    """Return the epoch that a message of consensus is about."""
    match message:
        case CertificateMessage(certificate=certificate):
            return certificate.statement.epoch
        case CertificatesRequest(epoch=epoch):
            return epoch
        case _:
            return message.vote.statement.epoch
