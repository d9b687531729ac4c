"""Random councils: ballots, votes, evidence and boundaries in any order, the checker watching.

Every block goes through `World.block`: built, applied from bytes, checked in full. On top of that a
model of a few lines says who must be in the set and that nothing passes without a quorum.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.actions import CastVote
from ledger.authorities import quorum_of, set_changes_max
from ledger.errors import TransactionRejected
from ledger.motions import (
    AddCoordinator,
    IssueUnits,
    Motion,
    RemoveAuthority,
    RemoveCoordinator,
    SetParameter,
)
from ledger.outcomes import OutcomeKind
from ledger.params import VALIDATORS_MAX, parameter_faults
from ledger.records import Ballot
from ledger.types import Address, Hash
from tests.ledger.councils import BALLOT_MS, COUNCIL, EPOCH_MS, Council
from tests.ledger.worlds import PEOPLE, key_of

K = OutcomeKind
NUMBERS = st.integers(0, 8)
"""Validators that may be added, removed, accused; four are there at the start."""

SOMEBODY = st.integers(0, 10)
"""Who acts: see `Councils.somebody`."""

KINDS = st.integers(0, 5)
"""See `Councils.motion`."""


class Councils(RuleBasedStateMachine):
    """Whatever authorities, former ones and strangers try."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Council(4)
        self.yes: dict[Hash, set[Address]] = {}
        """Who is for each ballot that was ever opened, as this model follows it."""
        self.read = 0

    # ------------------------------------------------------------ what people do

    def attempt(self, number: int, action: object, after_ms: int = 1) -> None:
        """Try an action; a refusal must leave the state as it was."""
        root = self.world.head.state.root
        try:
            self.world.act(COUNCIL[number], action, after_ms=after_ms)  # type: ignore[arg-type]
        except TransactionRejected:
            assert self.world.head.state.root == root

    def somebody(self, drawn: int) -> int:
        """Return a member's number, or sometimes that of one who may not be a member."""
        members = self.world.numbers
        return members[drawn % len(members)] if drawn < 9 else drawn

    def motion(self, draw_number: int, kind: int, value: int) -> Motion:
        """Return a motion of some kind about somebody or something."""
        match kind:
            case 0:
                return self.world.joining(draw_number)
            case 1:
                return RemoveAuthority(COUNCIL[draw_number].public_key)
            case 2:
                return SetParameter(("fee_base", "attempts_max", "epoch_ms")[value % 3], value)
            case 3:
                return IssueUnits(PEOPLE.stranger.address, value)
            case 4:
                return AddCoordinator(key_of(f"coordinator-{value % 3}").address, "c")
            case _:
                return RemoveCoordinator(key_of(f"coordinator-{value % 3}").address)

    @rule(opener=SOMEBODY, about=NUMBERS, kind=KINDS, value=st.integers(0, 20_000))
    def open(self, opener: int, about: int, kind: int, value: int) -> None:
        motion = self.motion(about, kind, value)
        self.attempt(self.somebody(opener), CastVote(None, motion, support=True))

    @rule(about=NUMBERS, kind=KINDS, value=st.integers(0, 20_000))
    def decide(self, about: int, kind: int, value: int) -> None:
        """Let all members say yes to a new motion, if it can be opened at all."""
        opened = len(self.world.told(K.BALLOT_OPENED))
        self.open(0, about, kind, value)
        told = self.world.told(K.BALLOT_OPENED)
        if len(told) > opened:
            for number in self.world.numbers:
                self.attempt(number, CastVote(told[-1].object_id, None, support=True))

    @precondition(lambda self: self.world.head.state.ballot_keys())
    @rule(voter=SOMEBODY, which=st.integers(0, 100), support=st.sampled_from([True, True, False]))
    def vote(self, voter: int, which: int, *, support: bool) -> None:
        keys = self.world.head.state.ballot_keys()
        ballot_id = keys[which % len(keys)][1:]
        self.attempt(self.somebody(voter), CastVote(ballot_id, None, support=support))

    @precondition(lambda self: self.world.head.state.ballot_keys())
    @rule(which=st.integers(0, 100))
    def all_vote(self, which: int) -> None:
        """Let everybody say yes, which is how a ballot passes often enough."""
        keys = self.world.head.state.ballot_keys()
        ballot_id = keys[which % len(keys)][1:]
        for number in self.world.numbers:
            self.attempt(number, CastVote(ballot_id, None, support=True))

    @precondition(lambda self: self.world.now_ms % 3 == 0)
    @rule(accused=NUMBERS, age=st.integers(0, 12), view=st.integers(1, 3))
    def accuse(self, accused: int, age: int, view: int) -> None:
        epoch = max(0, self.world.epoch - age)
        self.attempt(accused, self.world.equivocation(accused, epoch=epoch, view=view))

    @rule()
    def end_epoch(self) -> None:
        before = self.world.numbers
        self.world.end_epoch()
        gone, come = set(before) - set(self.world.numbers), set(self.world.numbers) - set(before)
        assert len(gone) + len(come) <= set_changes_max(len(before)), "E2"
        stay = [number for number in before if number not in gone]
        assert self.world.numbers[: len(stay)] == stay, "those who stay keep their order"

    @rule(after_ms=st.sampled_from([1, 999, EPOCH_MS // 2, BALLOT_MS]))
    def wait(self, after_ms: int) -> None:
        self.world.block(after_ms=after_ms)

    # ------------------------------------------------------------ what must hold

    @invariant()
    def there_is_somebody_and_not_too_many(self) -> None:
        assert 1 <= len(self.world.members) <= VALIDATORS_MAX

    @invariant()
    def ballots_are_counted_as_they_are(self) -> None:
        """The index of ballots by opener is what all records imply (invariant 9)."""
        ballots = [r for _, r in self.world.head.state.items() if isinstance(r, Ballot)]
        assert len(self.world.head.state.ballot_keys()) == len(ballots)
        for key in COUNCIL:
            mine = sum(ballot.opener == key.public_key for ballot in ballots)
            assert self.world.head.state.ballots_by(key.public_key) == mine

    @invariant()
    def parameters_are_sound(self) -> None:
        assert not parameter_faults(self.world.head.parameters)

    @invariant()
    def nothing_passes_without_a_quorum(self) -> None:
        """Follow votes and departures from the outcomes alone."""
        for result in self.world.results[self.read :]:
            members = None
            for told in result.outcomes:
                if told.kind in (K.VALIDATOR_ADDED, K.VALIDATOR_REMOVED):
                    members = {m.public_key for m in result.view.validators.members}
                elif told.kind is K.BALLOT_OPENED:
                    self.yes[told.object_id] = set(told.parties)
                elif told.kind is K.BALLOT_VOTED:
                    change = set.add if told.code else set.discard
                    change(self.yes[told.object_id], told.parties[0])
                elif told.kind is K.BALLOT_PASSED:
                    now = members or {m.public_key for m in result.view.validators.members}
                    addresses = {key.address for key in COUNCIL if key.public_key in now}
                    assert len(self.yes[told.object_id] & addresses) >= quorum_of(len(now))
        self.read = len(self.world.results)


Councils.TestCase.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
TestCouncils = Councils.TestCase
