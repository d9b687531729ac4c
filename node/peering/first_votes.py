"""Members' word about each other's votes, for one that may have forgotten its own (S10, E10).

A validator without a journal that is new to the epoch may have lost its disk together with the
memory of what it said. Nothing on its machine tells that from a first start, so it asks the other
members whether they hold a vote of its key, and signs when enough of them gave their word that they
hold none. docs/validator-safety.md says why this is enough:

    who gives its word  members that sign, since those have a journal of the epoch; in the first
                        epoch also members that wait for word themselves
    up to three members all others, and no vote above their floors is held by anybody
    more members        2f+1 others; the node signs in no view in which it can have been, which is
                        any up to one above the highest view of these
    first epoch         a quorum with itself: everybody is in view 1 and new, and none could begin
    what ends it        one vote of the own key, shown by anybody or held here: the member is silent
                        for the epoch, through restarts, too

Whoever sees a member connect also shows it the newest vote of its key (E10): a node that signs
hands it to consensus, which stops signing if it does not remember it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from consensus import BlockRef, Certificate, Committee, MessageInvalid, Vote
from ledger.params import VALIDATORS_MAX
from ledger.types import Epoch, PublicKey, View
from node.inbox import Inbox
from node.p2p import Peer, PeerFault, Role, StatusMessage, VoteMessage, WordAnswer, WordRequest
from node.peering.ports import Peers

log = structlog.get_logger(__name__)

WORD_FOREIGN: Final = "WORD_FOREIGN"
"""Code of the fault to show a member a vote of somebody else as its own."""


EARLY_MAX: Final = VALIDATORS_MAX
"""Members of the next epoch that ask before this node is in it, and are answered then."""


class Memory(Protocol):
    """What consensus knows; `consensus.Core` is one."""

    @property
    def may_sign(self) -> bool:
        """Whether this node votes in the epoch."""

    @property
    def view(self) -> View:
        """The current view."""

    @property
    def floor(self) -> BlockRef:
        """The newest final block: what was said of views up to it is forgotten."""

    def vote_of(self, member: int) -> Vote | None:
        """Return the newest checked vote of a member that is held."""


class EpochEngine(Protocol):
    """What runs the epoch; `node.recovery.Engine` is one."""

    @property
    def core(self) -> Memory:
        """Consensus."""

    @property
    def waits_for_word(self) -> bool:
        """Whether the node would sign if it were known that it never voted in this epoch."""

    @property
    def knows_its_view(self) -> bool:
        """Whether the core's view and floor are where this node was before a restart."""

    def rule_out(self) -> None:
        """Note on disk that the key voted in this epoch, and that nobody here knows what."""


@dataclass(frozen=True, slots=True)
class Signing:
    """What this part asks the driver, and tells it."""

    inbox: Inbox
    """Takes votes of the own key."""
    engine: Callable[[], EpochEngine]
    """What runs the current epoch."""
    final_view: Callable[[], View]
    """View, in the current epoch, of the newest final block that is durable here; 0 for none."""
    vouch: Callable[[Epoch], None]
    """Lets the node sign in an epoch."""
    next_members: Callable[[], frozenset[PublicKey]]
    """The next epoch's set, once a block that ends this one was executed; empty before."""


class FirstVotes:
    """One node's side of it; used on the event loop."""

    def __init__(
        self, own_key: PublicKey, committee: Committee, signing: Signing, peers: Peers
    ) -> None:
        """Prepare.

        Args:
            own_key: key of this node's identity.
            committee: of the current epoch.
            signing: the driver's side.
            peers: who can be asked.
        """
        self._own_key = own_key
        self._committee = committee
        self._signing = signing
        self._peers = peers
        self._newest: dict[int, Vote] = {}
        self._words: dict[int, WordAnswer] = {}
        self._has_voted = False
        self._early: dict[PublicKey, Peer] = {}

    def enter_epoch(self, committee: Committee, remembered: Iterable[Vote] = ()) -> None:
        """Forget the votes of the epoch before; the same epoch may be entered again.

        Args:
            committee: of the epoch.
            remembered: checked votes of it that are durable here.
        """
        early: dict[PublicKey, Peer] = {}
        if self._committee.epoch != committee.epoch:
            self._newest.clear()
            self._words.clear()
            self._has_voted = False
            early, self._early = self._early, early
        self._committee = committee
        for vote in remembered:
            self.heard(vote)
        for peer in early.values():
            self.asked(peer, WordRequest(committee.epoch))
        if self._signing.engine().waits_for_word:
            self._peers.broadcast(WordRequest(committee.epoch), to=Role.VALIDATOR)

    # ------------------------------------------------------------ others' votes

    def heard(self, vote: Vote) -> None:
        """Note a vote that its signer sent on its own connection, or that was checked before."""
        known = self._newest.get(vote.signer)
        if known is None or vote.statement.view >= known.statement.view:
            self._newest[vote.signer] = vote

    def show(self, peer: Peer) -> None:
        """Send a member that has just connected its newest vote."""
        member = self._committee.index_of(peer.key)
        vote = None if member is None else self._newest.get(member)
        if vote is not None:
            peer.send(VoteMessage(vote))

    def asked(self, peer: Peer, request: WordRequest) -> None:
        """Give a member this node's word, if that is worth anything."""
        member, epoch = self._committee.index_of(peer.key), self._committee.epoch
        if request.epoch == epoch + 1 and self._may_be_next(peer) and len(self._early) < EARLY_MAX:
            self._early[peer.key] = peer
        if member is None or request.epoch != epoch or not self._remembers():
            return
        core = self._signing.engine().core
        vote = self._newest.get(member) or core.vote_of(member)
        peer.send(WordAnswer(epoch, core.view, core.floor.view, vote))

    def forget(self, peer: Peer) -> None:
        """Note that a peer is gone: nobody can be answered on its connection."""
        if self._early.get(peer.key) is peer:
            del self._early[peer.key]

    def _may_be_next(self, peer: Peer) -> bool:
        """Return whether a peer may be a member of the next epoch, as far as that is known."""
        members = self._signing.next_members()
        return not members or peer.key in members

    def _remembers(self) -> bool:
        """Return whether this node cannot have forgotten votes that it counted in this epoch.

        Who signs has a journal. In the first epoch everybody starts without one, and no quorum
        could ever begin if nobody's word counted that has none.
        """
        engine = self._signing.engine()
        is_new = self._committee.epoch == 0 and engine.waits_for_word and not self._has_voted
        return engine.knows_its_view and (engine.core.may_sign or is_new)

    # ------------------------------------------------------------ own votes

    def shown(self, vote: Vote, sender: int) -> None:
        """Take a vote of this epoch that another member than its signer sent.

        Only votes that came from this key are shown to it, so that a forged one is its sender's.

        Raises:
            PeerFault: it is forged.
        """
        if vote.signer != self._committee.index_of(self._own_key):
            return
        if self._signing.engine().waits_for_word:
            self._take_own(vote)
        else:
            self._signing.inbox.deliver_vote(vote, sender)

    def proved(self, certificate: Certificate) -> None:
        """Look for the own key in a certificate that was checked."""
        me = self._committee.index_of(self._own_key)
        is_current = certificate.statement.epoch == self._committee.epoch
        if is_current and any(entry.signer == me for entry in certificate.entries):
            self._note_vote()

    def announced(self, peer: Peer, status: StatusMessage) -> None:
        """Ask a member for its word as soon as it is in this epoch, and again if it got lost."""
        member = self._committee.index_of(peer.key)
        is_asked = member is not None and status.epoch == self._committee.epoch
        if is_asked and member not in self._words and self._signing.engine().waits_for_word:
            peer.send(WordRequest(self._committee.epoch))
        self.check()

    def answered(self, peer: Peer, word: WordAnswer) -> None:
        """Take a member's word.

        Raises:
            PeerFault: it shows a vote that is forged, or another's.
        """
        member = self._committee.index_of(peer.key)
        is_current = word.epoch == self._committee.epoch
        if member is None or not is_current or not self._signing.engine().waits_for_word:
            return
        if word.vote is not None:
            self._take_own(word.vote)
            return
        self._words[member] = word
        self.check()

    def check(self) -> None:
        """Vouch for this node if it waits for that, and a quorum has nothing against it."""
        engine = self._signing.engine()
        if self._has_voted or not engine.waits_for_word:
            return
        me = self._committee.index_of(self._own_key)
        if me is not None and (me in self._newest or engine.core.vote_of(me)):
            self._note_vote()
            return
        if self._is_vouched_for(self._signing.final_view()):
            log.info("first_start_confirmed", epoch=self._committee.epoch, members=len(self._words))
            self._signing.vouch(self._committee.epoch)

    def _is_vouched_for(self, final_view: View) -> bool:
        """Return whether enough members gave their word for views above the own final one."""
        committee, words = self._committee, self._words.values()
        faulty = committee.size - committee.quorum
        if faulty and committee.epoch:
            return sum(word.view < final_view for word in words) >= 2 * faulty + 1
        return sum(word.floor <= final_view for word in words) + 1 >= committee.quorum

    def _take_own(self, vote: Vote) -> None:
        if self._has_voted:
            return  # One is enough; each costs a signature.
        if vote.signer != self._committee.index_of(self._own_key):
            raise PeerFault(WORD_FOREIGN, provable=True)
        try:
            self._committee.check_vote(vote)
        except MessageInvalid as fault:
            raise PeerFault(fault.code, provable=True) from None
        self._note_vote()

    def _note_vote(self) -> None:
        engine = self._signing.engine()
        if self._has_voted or not engine.waits_for_word:
            return
        self._has_voted = True
        log.error("own_vote_seen", epoch=self._committee.epoch, reason="the journal was lost")
        try:
            engine.rule_out()
        except OSError:
            # This process remembers it anyway; after a restart it would have to be shown again.
            log.exception("own_vote_not_noted")
