"""The members of the epoch's committee as peers: the driver's network."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from consensus import Certificate, Committee, Vote
from ledger.types import Hash, PublicKey, View
from node.p2p import (
    BlockRequest,
    CertificateMessage,
    CertificatesRequest,
    Message,
    Peer,
    Role,
    VoteMessage,
)
from node.peering.ports import Peers
from node.ports import Clock, FoundWork

ASK_AGAIN_MS: Final = 100
"""Time after which a block that did not come is asked of another peer."""

ASK_WHILE_SYNCING_MS: Final = 1_000
"""The same while final blocks are fetched by height, which brings it soon."""

ASKED_MAX: Final = 256
"""Blocks that are asked for at once; the oldest are forgotten."""

OWED_MAX: Final = 32
"""Blocks that one peer may still send: more at once than the tree holds are of no use, and
questions that are never answered must not add up."""

PROVABLE_FAULTS: Final = frozenset(
    {
        "PARENT_VIEW_INVALID",
        "QUORUM_MISSING",
        "SIGNERS_NOT_DISTINCT",
        "SIGNER_UNKNOWN",
        "VOTE_FORGED",
    }
)
"""What consensus reports that only the sender can have caused."""

log = structlog.get_logger(__name__)


class Transactions(Protocol):
    """The sending side of gossip; `node.gossip.TransactionExchange` is one."""

    def form(self, vote: Vote, block: bytes) -> Message:
        """Return the message that a proposal goes out as."""

    def share_work(self, leader: PublicKey, found: FoundWork) -> None:
        """See to it that a leader can know of a transaction that waits here (E12)."""


class MemberLinks:
    """Implements `node.ports.Network` on the transport; used on the event loop.

    Votes, certificates and proposals go to members only: everybody else fetches final blocks.
    """

    def __init__(self, peers: Peers, clock: Clock) -> None:
        """Prepare; `enter_epoch` comes first.

        Args:
            peers: the transport.
            clock: its monotonic clock times questions.
        """
        self._peers = peers
        self._clock = clock
        self._committee: Committee | None = None
        self._members: dict[PublicKey, int] = {}
        self._asked: OrderedDict[Hash, int] = OrderedDict()
        self._owed: dict[PublicKey, OrderedDict[Hash, None]] = {}
        self._turn = 0
        self._listeners: list[Callable[[Committee], None]] = []
        self.transactions: Transactions
        """Set once, before the driver runs."""
        self.is_syncing: Callable[[], bool] = lambda: False
        """Whether blocks that were fetched by height are executed now. What peers claim to have is
        no reason: a liar's claim would keep this node from asking for the block of a proposal."""
        self.next_members: Callable[[], frozenset[PublicKey]] = frozenset
        """The next epoch's set, once a block that ends this one was executed; empty before."""
        self._expected: frozenset[PublicKey] = frozenset()

    # ------------------------------------------------------------ for the driver

    def enter_epoch(self, committee: Committee) -> None:
        """Note whom the member numbers mean from now on."""
        self._committee = committee
        self._members = {key: at for at, key in enumerate(committee.members)}
        self._asked.clear()
        self._expected = frozenset()
        self._peers.set_validators(frozenset(committee.members))
        for listener in self._listeners:
            listener(committee)

    def expect_next(self) -> None:
        """Tell the transport of the next epoch's members as soon as they can be known.

        Members change epochs within milliseconds of each other, and what a newcomer says first must
        not be taken for a follower's.
        """
        members = self.next_members()
        if members != self._expected:
            self._expected = members
            self._peers.set_validators(members | frozenset(self._members))

    def broadcast(self, message: Vote | Certificate, block: bytes | None = None) -> None:
        """Send a vote or certificate to all members, a proposal's block beside it."""
        self.expect_next()
        wire: Message
        if isinstance(message, Certificate):
            wire = CertificateMessage(message)
        else:
            wire = VoteMessage(message) if block is None else self.transactions.form(message, block)
        self._peers.broadcast(wire, to=Role.VALIDATOR)

    def send(self, member: int, message: Certificate) -> None:
        """Send a certificate to one member."""
        peer = self._peer(member)
        if peer is not None:
            peer.send(CertificateMessage(message))

    def fetch_certificates(self, views: Sequence[View], ask: int | None) -> None:
        """Ask a member, or anyone, for any certificate of these views."""
        peer = (self._peer(ask) if ask is not None else None) or self._anyone()
        if peer is not None:
            peer.send(CertificatesRequest(self.committee.epoch, tuple(views)))

    def fetch_block(self, block_id: Hash) -> None:
        """Ask anyone for a block by its id, each time somebody else."""
        now_ms = self._clock.monotonic_ms()
        pause_ms = ASK_WHILE_SYNCING_MS if self.is_syncing() else ASK_AGAIN_MS
        asked_ms = self._asked.get(block_id)
        if asked_ms is not None and now_ms < asked_ms + pause_ms:
            return
        peer = self._anyone()
        if peer is None:
            return
        self._asked[block_id] = now_ms
        self._asked.move_to_end(block_id)
        if len(self._asked) > ASKED_MAX:
            self._asked.popitem(last=False)
        owed = self._owed.setdefault(peer.key, OrderedDict())
        owed[block_id] = None
        if len(owed) > OWED_MAX:
            owed.popitem(last=False)
        peer.send(BlockRequest(block_id))

    def share_work(self, leader: PublicKey, found: FoundWork) -> None:
        """Tell a leader of a transaction before it is held to its time because of it (E12)."""
        self.transactions.share_work(leader, found)

    def report_fault(self, sender: int | None, code: str) -> None:
        """Tell the transport that a member sent what no honest peer sends."""
        log.warning("consensus_fault", member=sender, code=code)
        peer = self._peer(sender) if sender is not None else None
        if peer is not None:
            self._peers.report_fault(peer, code, provable=code in PROVABLE_FAULTS)

    # ------------------------------------------------------------ for what arrives

    def report_peer(self, peer: Peer, code: str, *, provable: bool) -> None:
        """Tell the transport what a peer did."""
        self._peers.report_fault(peer, code, provable=provable)

    @property
    def committee(self) -> Committee:
        """Validators of the current epoch."""
        assert self._committee is not None, "an epoch is entered first"
        return self._committee

    def on_epoch(self, listener: Callable[[Committee], None]) -> None:
        """Have somebody told of this epoch's committee, now, and of later ones."""
        self._listeners.append(listener)
        listener(self.committee)

    def member_of(self, peer: Peer) -> int | None:
        """Return a peer's number in the committee, None if it is no member."""
        return self._members.get(peer.key)

    def owes_blocks(self, peer: Peer) -> bool:
        """Return whether a peer was asked for a block that it has not sent.

        What comes from one that owes nothing is not looked at.
        """
        return bool(self._owed.get(peer.key))

    def settle_block(self, peer: Peer, block_id: Hash) -> bool:
        """Return whether a peer was asked for just this block; it owes it no more."""
        owed = self._owed.get(peer.key)
        if owed is None or block_id not in owed:
            return False
        del owed[block_id]
        return True

    def forget(self, peer: Peer) -> None:
        """Note that a peer is gone."""
        self._owed.pop(peer.key, None)

    # ------------------------------------------------------------

    def _peer(self, member: int) -> Peer | None:
        committee = self.committee
        return self._peers.peer_of(committee.members[member]) if member < committee.size else None

    def _anyone(self) -> Peer | None:
        """Return the members in turn, or where none is connected, the other peers."""
        peers = self._peers.peers()
        members = [peer for peer in peers if peer.key in self._members]
        candidates = members or list(peers)
        self._turn += 1
        return candidates[self._turn % len(candidates)] if candidates else None
