"""All that one honest member can be brought to by any order of events, as a table of its states.

The member is the real `Core`. A state is its core after some events, and two cores with the same
fingerprint are one state, so each event is tried once in each state. Time has two values only:
before a timeout and after it; whoever explores decides which (the event `TIMEOUT`).
"""

import hashlib
import io
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from consensus import (
    BlockBuilt,
    BlockDeclined,
    BlockRef,
    Broadcast,
    BroadcastProposal,
    CertificateReceived,
    Certified,
    Core,
    Effect,
    Event,
    Finalize,
    Nullify,
    Persist,
    Propose,
    Record,
    ReportFault,
    Started,
    Statement,
    StopSigning,
    Tick,
    Timing,
    Verdict,
    Verified,
    Verify,
    Vote,
    VoteReceived,
    WorkPending,
    quorum_of,
)
from consensus.view_state import ViewState
from consensus.votes import Tally
from tests.consensus.probe import certificate
from tests.consensus.sound_fakes import BOUNDARY, FakeKey, committee_of, vote_of

FAR_MS: Final = 1_000_000
"""Longer than all timeouts together."""

NEVER_MS: Final = 2**60
"""Work makes blocks here, not time."""

TIMEOUT, WORK, RESTART, CERTIFY, PROPOSAL, VOTES, CERTIFICATE, TOO_FEW = range(8)
"""Kinds of events; the last five come with a number: a view, or a statement's."""

Step = tuple[int, int]
"""Kind of an event and its number, 0 if it has none."""

Voters = Callable[[Statement], Sequence[int]]
"""Says who voted for a statement."""


def bits(numbers: int) -> Iterator[int]:
    """Yield the members of a set, ascending."""
    while numbers:
        lowest = numbers & -numbers
        yield lowest.bit_length() - 1
        numbers ^= lowest


class World:
    """Numbers for statements and places of blocks, the same for all members."""

    def __init__(self, size: int, views: int) -> None:
        self.size = size
        self.views = views
        self.quorum = quorum_of(size)
        self.statements: list[Statement] = []
        self.numbers: dict[Statement, int] = {}
        self.parents: dict[bytes, BlockRef] = {}

    def number(self, statement: Statement) -> int:
        """Return a statement's number; bit 1 << number stands for it in sets."""
        known = self.numbers.get(statement)
        if known is None:
            known = self.numbers[statement] = len(self.statements)
            self.statements.append(statement)
        return known

    def statements_of(self, numbers: int) -> list[Statement]:
        """Return the statements of a set."""
        return [self.statements[number] for number in bits(numbers)]

    def block(self, view: int, parent: BlockRef, branch: int = 0) -> bytes:
        """Return the id of a valid block."""
        block_id = hashlib.sha256(bytes([view, branch]) + parent.block_id).digest()
        self.parents[block_id] = parent
        return block_id


@dataclass(frozen=True)
class State:
    """A member after some events."""

    saved: bytes
    records: tuple[Record, ...]
    sent: int
    """Set of the statements that it signed and sent."""
    floor: int
    view: int
    is_leading: bool
    asked: tuple[int, ...]
    """Views whose notarized blocks it has not certified yet."""


class Member:
    """The states that were found, and where each event leads."""

    def __init__(self, world: World, me: int, voters: Voters | None = None) -> None:
        """Know the first state.

        Args:
            world: shared by all members.
            me: index of the member.
            voters: whose votes it is given; all others' by default.
        """
        self.world = world
        self.me = me
        self.voters = voters or (lambda _: range(world.size))
        self.committee = committee_of(world.size)
        self.key = FakeKey(me)
        self.states: list[State] = []
        self._reached_by: dict[int, tuple[int, Step]] = {}
        self._numbers: dict[tuple[object, ...], int] = {}
        self.idle: set[tuple[int, Step]] = set()
        """Events that change nothing in a state."""
        self._steps: dict[tuple[int, Step], int] = {}
        self.first = self._start(None)

    def after(self, state: int, step: Step) -> int:
        """Return the state that an event leads to."""
        known = self._steps.get((state, step))
        if known is None:
            if step[0] == TOO_FEW:
                self._check_too_few(state, self.world.statements[step[1]])
                known = state
            else:
                known = self._take(state, step)
                self._reached_by.setdefault(known, (state, step))
            self._steps[state, step] = known
            if known == state:
                self.idle.add((state, step))
        return known

    def path(self, state: int) -> list[Step]:
        """Return events that lead to a state."""
        steps: list[Step] = []
        while state != self.first:
            state, step = self._reached_by[state]
            steps.append(step)
        return steps[::-1]

    def follow(self, steps: list[Step]) -> Core:
        """Return a core of its own that took some steps."""
        state = self.first
        for step in steps:
            state = self.after(state, step)
        return self._restored(state)

    def _restored(self, state: int) -> Core:
        core = _Loader(self, self.states[state].saved).load()
        assert isinstance(core, Core)
        return core

    def _take(self, state: int, step: Step) -> int:
        kind, number = step
        before = self.states[state]
        if kind == RESTART:
            return self._start(before)
        run = _Run(self, self._restored(state), before, declines=kind == TIMEOUT)
        core, now = run.core, run.now
        if kind == CERTIFY:
            notarized = core._state.log.at(number).notarized
            run.feed(Certified(now, number, notarized.block_id, Verdict.VALID))
        elif kind in (WORK, TIMEOUT):
            run.feed(WorkPending(now, core.view))
            if kind == TIMEOUT:
                run.feed(Tick(now + FAR_MS))
        else:
            self._bring(run, kind, self.world.statements[number])
        return self._intern(run)

    def _bring(self, run: "_Run", kind: int, statement: Statement) -> None:
        """Bring a proposal, or a quorum as votes or as a certificate.

        Who voted does not matter to a core, as long as its own vote is among them if it gave it.
        """
        if kind == PROPOSAL:
            run.hear(self.committee.leader(statement.view), statement)
            return
        others = [n for n in self.voters(statement) if n != self.me]
        if kind == VOTES:
            for member in others:
                run.hear(member, statement)
            return
        signers = sorted([*others, self.me] if run.has_said(statement) else others)
        if len(signers) < self.world.quorum:
            # By now forgotten: another order of events led to this state first.
            signers = [n for n in range(self.world.size) if n != self.me]
        run.feed(CertificateReceived(run.now, certificate(statement, signers), None))

    def _check_too_few(self, state: int, statement: Statement) -> None:
        """Check that one vote less than a quorum makes no certificate; then forget it."""
        run = _Run(self, self._restored(state), self.states[state])
        held = run.core.certificates([statement.view])
        at = run.core._state.log.find(statement.view)
        votes = at.tallies[statement.kind] if at else Tally()
        known = [vote for n in range(self.world.size) if (vote := votes.vote_of(n))]
        agreeing = sum(vote.statement == statement for vote in known)
        fresh = [n for n in range(self.world.size) if n != self.me and not votes.vote_of(n)]
        for member in fresh[: max(0, self.world.quorum - 1 - agreeing)]:
            run.hear(member, statement)
        made = [c for c in run.core.certificates([statement.view]) if c not in held]
        if run.sent == self.states[state].sent:
            assert statement not in [c.statement for c in made], "too few votes, yet a certificate"

    def _start(self, before: State | None) -> int:
        core = Core(self.committee, self.key, Timing(delta_ms=200, heartbeat_ms=NEVER_MS))
        run = _Run(self, core, before)
        run.feed(Started(0, BOUNDARY, None, tuple(run.records)))
        return self._intern(run)

    def _intern(self, run: "_Run") -> int:
        state = run.core._state
        views = [at for at in state.log.above_floor() if at.view <= self.world.views]
        seen = tuple(_known_of(at, state.view) for at in views if not _is_blank(at, state.view))
        key = (state.view, state.log.floor, state.log.tip, state.stopped, run.sent, seen)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self.states)
            asked = tuple(
                at.view for at in state.log.above_floor() if at.notarized and at.certified is None
            )
            saved = _save(run.core)
            self.states.append(
                State(
                    saved,
                    tuple(run.records),
                    run.sent,
                    run.core.floor.view,
                    state.view,
                    state.is_leading,
                    asked,
                )
            )
        return known


class _Run:
    """A core that handles one event and what follows from it at once."""

    def __init__(
        self, member: Member, core: Core, before: State | None, *, declines: bool = False
    ) -> None:
        self.member = member
        self.core = core
        self.records = list(before.records) if before else []
        self.sent = before.sent if before else 0
        self.declines = declines

    @property
    def now(self) -> int:
        return self.core._state.now_ms

    def has_said(self, statement: Statement) -> bool:
        return bool(self.sent >> self.member.world.number(statement) & 1)

    def hear(self, signer: int, statement: Statement) -> None:
        self.feed(VoteReceived(self.now, vote_of(signer, statement), signer))

    def feed(self, event: Event) -> None:
        effects = self.core.handle(event)
        assert not any(isinstance(effect, Persist) for effect in effects[1:])
        for effect in effects:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        world, now = self.member.world, self.now
        match effect:
            case Persist(records=records):
                self.records += records
            case Broadcast(message=Vote() as vote) | BroadcastProposal(vote=vote):
                self._send(vote.statement)
            case Propose(view=view) if view > world.views:
                pass  # Beyond what is explored.
            case Propose(view=view) if self.declines:
                self.feed(BlockDeclined(now, view))
            case Propose(view=view, parent=parent):
                self.feed(BlockBuilt(now, view, world.block(view, parent)))
            case Verify(proposal=proposal, parent=parent):
                fits = world.parents[proposal.block_id] == parent
                verdict = Verdict.VALID if fits else Verdict.INVALID
                self.feed(Verified(now, proposal.view, proposal.block_id, verdict))
            case StopSigning() | ReportFault():
                raise AssertionError(f"an honest member is accused or confused: {effect}")
            case _:
                pass  # Certified when the explorer says so; certificates are made from votes.

    def _send(self, statement: Statement) -> None:
        world, before = self.member.world, self.sent
        at = [s for s in world.statements_of(before) if s.view == statement.view]
        kinds = {type(said) for said in at}
        if statement not in at:
            assert type(statement) not in kinds, "two votes of one kind in one view"
            assert Nullify not in kinds, "a vote after nullify"
            assert not (isinstance(statement, Nullify) and Finalize in kinds), "nullify after all"
        self.sent = before | 1 << world.number(statement)


def _known_of(at: ViewState, current: int) -> tuple[object, ...]:
    """Return what decides how a core goes on in a view.

    That is not whose votes it holds; nor, once it has voted or left, what else was proposed.
    """
    is_open = at.view >= current and not at.own
    return (
        at.view,
        (at.proposal, at.equivocated, at.refused, at.proposing_on) if is_open else None,
        at.executed if at.certified is None else None,
        at.certified,
        tuple(sorted((kind, _block(held.statement)) for kind, held in at.certificates.items())),
        tuple(sorted((kind, _block(vote.statement)) for kind, vote in at.own.items())),
    )


def _is_blank(at: ViewState, current: int) -> bool:
    return _known_of(at, current) == _known_of(ViewState(at.view), current)


def _block(statement: Statement) -> tuple[int, bytes]:
    if isinstance(statement, Nullify):
        return 0, b""
    return statement.parent_view, statement.block_id


class _Saver(pickle.Pickler):
    def persistent_id(self, thing: object) -> str | None:
        return type(thing).__name__ if isinstance(thing, _SHARED) else None


class _Loader(pickle.Unpickler):
    def __init__(self, member: Member, saved: bytes) -> None:
        super().__init__(io.BytesIO(saved))
        self._shared = {"Committee": member.committee, "FakeKey": member.key}

    def persistent_load(self, name: str) -> object:
        return self._shared[name]


_SHARED = (type(committee_of(1)), FakeKey)


def _save(core: Core) -> bytes:
    buffer = io.BytesIO()
    _Saver(buffer, pickle.HIGHEST_PROTOCOL).dump(core)
    return buffer.getvalue()
