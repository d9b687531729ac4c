"""Shows members the votes of their own keys, and learns of this node's own (S10, E10).

A validator whose folder is empty may be new, or have lost its disk together with the memory of what
it said. In the first epoch nothing else tells the two apart, so it asks by connecting: whoever sees
a member connect sends it the newest vote of the member's key that it heard, and then its status.
A node without a journal signs when a quorum, itself included, has answered so, none of them showed
a vote, and none of the certificates up to where they stand holds one of its key. A node that does
sign hands a vote of its own key to consensus, which stops signing if it does not remember it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from consensus import Certificate, Committee, MessageInvalid, Vote
from ledger.types import Epoch, Height, PublicKey
from node.inbox import Inbox
from node.p2p import Peer, PeerFault, StatusMessage, VoteMessage

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Signing:
    """What this part asks the driver, and tells it."""

    inbox: Inbox
    """Takes votes of the own key."""
    waits_for_word: Callable[[], bool]
    """Whether the node would sign if it were known that it never voted in this epoch."""
    handed_over: Callable[[], Height]
    """Height of the own final chain."""
    vouch: Callable[[Epoch], None]
    """Lets the node sign in an epoch."""


class FirstVotes:
    """One node's side of it; used on the event loop."""

    def __init__(self, own_key: PublicKey, committee: Committee, signing: Signing) -> None:
        """Prepare.

        Args:
            own_key: key of this node's identity.
            committee: of the current epoch.
            signing: the driver's side.
        """
        self._own_key = own_key
        self._committee = committee
        self._signing = signing
        self._newest: dict[int, Vote] = {}
        self._cleared: dict[int, Height] = {}
        self._has_voted = False

    def enter_epoch(self, committee: Committee, remembered: Iterable[Vote] = ()) -> None:
        """Forget the votes of the epoch before; the same epoch may be entered again.

        Args:
            committee: of the epoch.
            remembered: checked votes of it that are durable here.
        """
        if self._committee.epoch != committee.epoch:
            self._newest.clear()
            self._cleared.clear()
            self._has_voted = False
        self._committee = committee
        for vote in remembered:
            self.heard(vote)

    # ------------------------------------------------------------ others' votes

    def heard(self, vote: Vote) -> None:
        """Note a vote that its signer sent on its own connection, or that was checked before."""
        known = self._newest.get(vote.signer)
        if known is None or vote.statement.view >= known.statement.view:
            self._newest[vote.signer] = vote

    def show(self, peer: Peer) -> None:
        """Send a member that has just connected its newest vote; its status is sent after this."""
        member = self._committee.index_of(peer.key)
        vote = None if member is None else self._newest.get(member)
        if vote is not None:
            peer.send(VoteMessage(vote))

    # ------------------------------------------------------------ own votes

    def shown(self, vote: Vote, sender: int) -> None:
        """Take a vote of this epoch that another member than its signer sent.

        Only votes that came from this key are shown to it, so that a forged one is its sender's.

        Raises:
            PeerFault: it is forged.
        """
        if vote.signer != self._committee.index_of(self._own_key):
            return
        if not self._signing.waits_for_word():
            self._signing.inbox.deliver_vote(vote, sender)
            return
        try:
            self._committee.check_vote(vote)
        except MessageInvalid as fault:
            raise PeerFault(fault.code, provable=True) from None
        self._note_vote()

    def proved(self, certificate: Certificate) -> None:
        """Look for the own key in a certificate that was checked."""
        me = self._committee.index_of(self._own_key)
        is_current = certificate.statement.epoch == self._committee.epoch
        if is_current and any(entry.signer == me for entry in certificate.entries):
            self._note_vote()

    def announced(self, peer: Peer, status: StatusMessage) -> None:
        """Take a member's status, which comes after the vote that it may have shown."""
        member = self._committee.index_of(peer.key)
        if member is not None and status.epoch == self._committee.epoch:
            self._cleared[member] = status.final_height
        self.check()

    def check(self) -> None:
        """Vouch for this node if it waits for that, and a quorum has nothing against it."""
        if self._has_voted or not self._signing.waits_for_word():
            return
        own_height = self._signing.handed_over()
        cleared = sum(height <= own_height for height in self._cleared.values())
        if cleared + 1 >= self._committee.quorum:
            log.info("first_start_confirmed", epoch=self._committee.epoch, members=cleared)
            self._signing.vouch(self._committee.epoch)

    def _note_vote(self) -> None:
        if not self._has_voted and self._signing.waits_for_word():
            self._has_voted = True
            log.error("own_vote_seen", epoch=self._committee.epoch, reason="the journal was lost")
