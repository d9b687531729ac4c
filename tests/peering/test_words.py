"""How many words let a member without journal sign, and from which view on (S10)."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus import BlockRef, Committee, Vote
from ledger.hashing import Tags
from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.types import Epoch, PublicKey, View
from node.block_tree import BlockTree
from node.inbox import Inbox
from node.p2p import Message, Peer, Role, WordAnswer, WordRequest
from node.peering import FirstVotes, Signing
from node.ports import SystemClock
from tests.node.callers import Caller
from tests.node.lone_node import genesis

TAGS = Tags(b"\x31" * 32)
KEYS = tuple(KeyPair(bytes([n + 1]) * 32) for n in range(10))
GENESIS = BlockRef(0, b"")


@dataclass
class Engine:
    """A member of an epoch that waits for word, or signs; is its own core."""

    waits_for_word: bool = True
    knows_its_view: bool = True
    may_sign: bool = False
    view: View = 1
    floor: BlockRef = GENESIS
    is_ruled_out: bool = False

    @property
    def core(self) -> "Engine":
        return self

    def vote_of(self, member: int) -> Vote | None:
        return None

    def rule_out(self) -> None:
        self.is_ruled_out = True


@dataclass
class Nobody:
    """No peers that could be told at once."""

    asked: list[Message] = field(default_factory=list)

    def peers(self) -> tuple[Peer, ...]:
        return ()

    def peer_of(self, key: PublicKey) -> Peer | None:
        return None

    def broadcast(
        self, message: Message, *, to: Role | None = None, but: Peer | None = None
    ) -> None:
        self.asked.append(message)

    def report_fault(self, peer: Peer, code: str, *, provable: bool) -> None:
        raise AssertionError(code)

    def set_validators(self, keys: frozenset[PublicKey]) -> None:
        pass


class Waiting:
    """Member 0 of a set, waiting."""

    def __init__(self, size: int, epoch: Epoch = 1) -> None:
        self.engine = Engine()
        self.final_view: View = 0
        self.vouched: list[Epoch] = []
        self.committee = self.of_epoch(size, epoch)
        self.peers = Nobody()
        inbox = Inbox(BlockTree(genesis(Parameters())), SystemClock())
        self.next_members: frozenset[PublicKey] = frozenset()
        signing = Signing(
            inbox,
            lambda: self.engine,
            lambda: self.final_view,
            self.vouched.append,
            lambda: self.next_members,
        )
        self.first_votes = FirstVotes(KEYS[0].public_key, self.committee, signing, self.peers)

    def of_epoch(self, size: int, epoch: Epoch) -> Committee:
        return Committee(TAGS, epoch, tuple(key.public_key for key in KEYS[:size]))

    def hears(self, member: int, view: View, floor: View) -> None:
        word = WordAnswer(self.committee.epoch, view, floor, None)
        self.first_votes.answered(Caller(KEYS[member].public_key), word)


@pytest.mark.parametrize(
    ("size", "epoch", "needed"),
    [
        # The first epoch: a quorum with itself.
        *((2, 0, 1), (3, 0, 2), (4, 0, 2), (5, 0, 3), (6, 0, 4), (7, 0, 4), (10, 0, 6)),
        # Later: all others in small sets, 2f+1 of the others in larger ones.
        *((2, 1, 1), (3, 1, 2), (4, 1, 3), (5, 1, 3), (6, 1, 3), (7, 1, 5), (10, 1, 7)),
    ],
)
def test_so_many_words_are_needed_and_not_one_less(size: int, epoch: Epoch, needed: int) -> None:
    waiting = Waiting(size, epoch)
    waiting.final_view = 9
    for member in range(1, needed):
        waiting.hears(member, view=8, floor=7)
    assert not waiting.vouched
    waiting.hears(needed, view=8, floor=7)
    assert waiting.vouched == [epoch]


def test_a_word_of_four_counts_once_something_later_than_its_view_is_final() -> None:
    waiting = Waiting(4)
    for member, view in ((1, 5), (2, 6), (3, 1)):
        waiting.hears(member, view=view, floor=0)
    for waiting.final_view in range(7):
        waiting.first_votes.check()
        assert not waiting.vouched
    waiting.final_view = 7
    waiting.first_votes.check()
    assert waiting.vouched == [1]


def test_a_word_of_three_counts_in_the_view_that_the_others_cannot_leave() -> None:
    waiting = Waiting(3)
    waiting.hears(1, view=1, floor=0)
    waiting.hears(2, view=4, floor=3)
    assert not waiting.vouched
    waiting.final_view = 3
    waiting.first_votes.check()
    assert waiting.vouched == [1]


@settings(max_examples=400)
@given(
    size=st.integers(4, 10),
    views=st.lists(st.integers(5, 7), min_size=9, max_size=9),
    liars=st.sets(st.integers(1, 9), max_size=3),
    former=st.integers(5, 9),
    final_view=st.integers(4, 9),
)
def test_liars_cannot_make_a_member_sign_where_it_may_have_signed_before(
    size: int, views: list[View], liars: set[int], former: View, final_view: View
) -> None:
    """`views` are where the others really are; liars claim to be in view 1.

    The former view of the member is one that a quorum of the others, or with itself, let it enter.
    """
    faulty = (size - 1) // 3
    liars = {liar for liar in sorted(liars) if liar < size}
    liars = set(sorted(liars)[:faulty])
    honest = [member for member in range(1, size) if member not in liars]
    quorum = size - faulty
    # It entered by votes of itself, of all liars, and of honest members in the view before.
    voted = 1 + len(liars) + sum(views[member - 1] >= former - 1 for member in honest)
    waiting = Waiting(size)
    waiting.final_view = final_view
    for member in range(1, size):
        waiting.hears(member, view=1 if member in liars else views[member - 1], floor=0)
    if waiting.vouched and voted >= quorum:
        assert former <= final_view, "it would sign in a view in which it may have signed"


def test_a_restarted_member_gives_its_word_only_when_it_knows_where_it_was() -> None:
    waiting = Waiting(4)
    waiting.engine = Engine(waits_for_word=False, may_sign=True, knows_its_view=False)
    peer = Caller(KEYS[1].public_key)
    waiting.first_votes.asked(peer, WordRequest(1))
    assert not peer.sent
    waiting.engine.knows_its_view, waiting.engine.view = True, 5
    waiting.first_votes.asked(peer, WordRequest(1))
    assert peer.sent == [WordAnswer(1, 5, 0, None)]


def test_who_waits_gives_its_word_in_the_first_epoch_only() -> None:
    for epoch, answers in ((0, 1), (1, 0)):
        waiting, peer = Waiting(4, epoch), Caller(KEYS[1].public_key)
        waiting.first_votes.asked(peer, WordRequest(epoch))
        assert len(peer.sent) == answers


def test_a_question_about_the_next_epoch_is_answered_when_it_begins() -> None:
    waiting, peer = Waiting(4), Caller(KEYS[1].public_key)
    waiting.engine = Engine(waits_for_word=False, may_sign=True)
    waiting.first_votes.asked(peer, WordRequest(2))
    assert not peer.sent
    waiting.first_votes.enter_epoch(waiting.of_epoch(4, 2))
    assert peer.sent == [WordAnswer(2, 1, 0, None)]
    waiting.first_votes.enter_epoch(waiting.of_epoch(4, 3))
    assert len(peer.sent) == 1


def test_only_members_of_the_next_epoch_that_are_still_connected_are_answered_in_it() -> None:
    waiting = Waiting(4)
    waiting.engine = Engine(waits_for_word=False, may_sign=True)
    waiting.next_members = frozenset(key.public_key for key in KEYS[:4])
    member, gone, again = (Caller(KEYS[at].public_key) for at in (1, 2, 2))
    strangers = [Caller(bytes([number]) * 32, Role.FOLLOWER) for number in range(200)]
    for peer in (*strangers, gone, member):
        waiting.first_votes.asked(peer, WordRequest(2))
    waiting.first_votes.forget(again)
    assert set(waiting.first_votes._early) == {member.key, gone.key}
    waiting.first_votes.forget(gone)
    waiting.first_votes.enter_epoch(waiting.of_epoch(4, 2))
    assert member.sent == [WordAnswer(2, 1, 0, None)]
    assert not gone.sent


def test_who_enters_an_epoch_and_waits_asks_everybody() -> None:
    waiting = Waiting(4)
    waiting.first_votes.enter_epoch(waiting.of_epoch(4, 2))
    assert waiting.peers.asked == [WordRequest(2)]
    waiting.engine.waits_for_word = False
    waiting.first_votes.enter_epoch(waiting.of_epoch(4, 3))
    assert len(waiting.peers.asked) == 1
