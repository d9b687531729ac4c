"""Every state that members of a committee can reach together, in any order of events.

The network keeps everything that was sent and delivers it to anybody at any time or never, so a
common state is one state of each member. A Byzantine member needs no state: whatever it might have
signed is taken as signed, and it proposes two blocks on every parent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from consensus import BlockRef, Core, Finalize, Notarize, Nullify, Statement
from tests.consensus.model_member import (
    CERTIFICATE,
    CERTIFY,
    PROPOSAL,
    RESTART,
    TIMEOUT,
    TOO_FEW,
    VOTES,
    WORK,
    Member,
    Step,
    World,
    bits,
)
from tests.consensus.sound_fakes import BOUNDARY

Together = tuple[int, ...]
"""One state of each honest member."""


@dataclass
class Found:
    """What an exploration found."""

    states: int = 0
    steps: int = 0
    nullified: set[int] = field(default_factory=set)
    notarized: set[int] = field(default_factory=set)
    finalized: set[int] = field(default_factory=set)
    forked: set[int] = field(default_factory=set)
    """Views that were both notarized and nullified."""

    def note(self, nullified: set[int], notarized: set[int], finalized: set[int]) -> None:
        """Note the views of the certificates that exist together."""
        self.nullified |= nullified
        self.notarized |= notarized
        self.finalized |= finalized
        self.forked |= nullified & notarized


class Search:
    """Explores a committee of which at most one member is Byzantine."""

    def __init__(self, size: int, views: int, byzantine: int | None) -> None:
        self.world = World(size, views)
        self.views = views
        self.byzantine = byzantine
        leaders = [n for n in range(min(size, views)) if n != byzantine]
        others = [n for n in range(size) if n != byzantine and n not in leaders]
        self.honest = [*leaders, *others]
        self.members = [Member(self.world, n) for n in leaders]
        self._leading = len(leaders)
        if others:
            self.members += [Member(self.world, others[0])] * len(others)
        self.found = Found()
        self.seen: dict[Together, None] = {}
        self.is_complete = False
        """Whether nothing is left to explore."""
        self._votes: dict[tuple[int, int, Offers], tuple[int, ...]] = {}
        self._offers: dict[tuple[int, ...], Offers] = {}

    def run(self, states_max: int) -> Found:
        """Explore breadth first until nothing is new, or until so many states were seen."""
        start = tuple(member.first for member in self.members)
        self.seen[start] = None
        queue = [start]
        while queue and len(self.seen) < states_max:
            following: list[Together] = []
            for together in queue:
                for reached in self._next(together):
                    if reached not in self.seen:
                        self.seen[reached] = None
                        following.append(reached)
            queue = following
        self.found.states = len(self.seen)
        self.is_complete = not queue
        return self.found

    def restored(self, together: Together) -> dict[int, Core]:
        """Return cores in a common state, by member; their certificates are of who voted."""
        sent = [m.states[at].sent for m, at in zip(self.members, together, strict=True)]

        def voters(statement: Statement) -> list[int]:
            bit = 1 << self.world.number(statement)
            who = [n for n, said in zip(self.honest, sent, strict=True) if said & bit]
            return who if self.byzantine is None else [*who, self.byzantine]

        return {
            n: Member(self.world, n, voters).follow(m.path(at))
            for n, m, at in zip(self.honest, self.members, together, strict=True)
        }

    def _next(self, together: Together) -> Iterator[Together]:
        states = [m.states[at] for m, at in zip(self.members, together, strict=True)]
        sent = tuple(state.sent for state in states)
        offers = self._offers.get(sent)
        if offers is None:
            offers = self._offers[sent] = self._look(sent)
        for index, member in enumerate(self.members):
            for after in self._after_next_vote(member, together[index], offers):
                self.found.steps += 1
                yield self._sorted((*together[:index], after, *together[index + 1 :]))

    def _after_next_vote(self, member: Member, start: int, offers: "Offers") -> tuple[int, ...]:
        """Return the states in which a member can be when it has voted once more.

        Steps without a vote change nothing for others, and what the network offers only grows, so
        each member takes them no earlier than right before its next vote.
        """
        known = self._votes.get((id(member), start, offers))
        if known is not None:
            return known
        sent = member.states[start].sent
        reached: dict[int, None] = {start: None}
        voted: dict[int, None] = {}
        waiting = [start]
        while waiting:
            at = waiting.pop()
            for step in self._steps(member, at, offers):
                after = member.after(at, step)
                if member.states[after].sent != sent:
                    voted[after] = None
                elif after not in reached:
                    reached[after] = None
                    waiting.append(after)
        return self._votes.setdefault((id(member), start, offers), tuple(voted))

    def _sorted(self, together: Together) -> Together:
        """Return one of all that differ in the names of members that lead no explored view."""
        return (*together[: self._leading], *sorted(together[self._leading :]))

    def _steps(self, member: Member, at: int, offers: "Offers") -> list[Step]:
        """Return the events that may change a member's state."""
        state = member.states[at]
        steps: list[Step] = [(RESTART, 0), *((CERTIFY, view) for view in state.asked)]
        if state.view <= self.views:
            steps.append((TIMEOUT, 0))
            if state.is_leading:
                steps.append((WORK, 0))
            steps += [
                (PROPOSAL, number)
                for number in offers.proposals
                if 0 <= self.world.statements[number].view - state.view <= 1
            ]
        for number in offers.quorums:
            view = self.world.statements[number].view
            if view > state.floor:
                steps.append((CERTIFICATE, number))
                if view <= state.view + 1:
                    steps.append((VOTES, number))
        if self.views == 1:  # A quorum is the same in every view.
            steps += [(TOO_FEW, number) for number in offers.too_few]
        return [step for step in steps if (at, step) not in member.idle]

    def _look(self, sent: tuple[int, ...]) -> "Offers":
        """Return what can be delivered after these votes, and judge them."""
        lies = self.byzantine is not None
        need = self.world.quorum - lies
        counted = [-1, *([0] * need)]
        for votes in sent:
            for count in range(need, 0, -1):
                counted[count] |= counted[count - 1] & votes
        quorums = self.world.statements_of(counted[need])
        self._judge(sent, quorums)
        proposals = [
            number
            for member, votes in zip(self.members, sent, strict=True)
            for number in bits(votes)
            if isinstance(said := self.world.statements[number], Notarize)
            and member.committee.leader(said.view) == member.me
            and said.view <= self.views
        ]
        if lies:
            proposals += self._lies(quorums)
        too_few = counted[need - 1] & ~counted[need] if need > 1 else 0
        return Offers(tuple(proposals), tuple(bits(counted[need])), tuple(bits(too_few)))

    def _lies(self, quorums: list[Statement]) -> list[int]:
        """Return the proposals of the Byzantine member: two on each parent that can be argued."""
        nullified = {said.view for said in quorums if isinstance(said, Nullify)}
        parents = [
            BOUNDARY,
            *(BlockRef(s.view, s.block_id) for s in quorums if isinstance(s, Notarize)),
        ]
        committee = self.members[0].committee
        return [
            self.world.number(
                Notarize(0, view, parent.view, self.world.block(view, parent, branch))
            )
            for view in range(1, self.views + 1)
            if committee.leader(view) == self.byzantine
            for parent in parents
            if parent.view < view and nullified.issuperset(range(parent.view + 1, view))
            for branch in (1, 2)
        ]

    def _judge(self, sent: tuple[int, ...], quorums: list[Statement]) -> None:
        """Check all certificates that exist, and the reasons of all honest votes."""
        notarized = [said for said in quorums if isinstance(said, Notarize)]
        finalized = [said for said in quorums if isinstance(said, Finalize)]
        nullified = {said.view for said in quorums if isinstance(said, Nullify)}
        blocks = {said.view: said.block_id for said in notarized}
        assert len(blocks) == len(notarized), "two notarizations of one view"
        assert not nullified & {said.view for said in finalized}, "a view is nullified and final"
        for final in finalized:
            assert blocks.get(final.view) == final.block_id, "a final block was not notarized"
            assert self._on_one_chain(final, finalized), "two final blocks are on no common chain"
        for votes in sent:
            for said in self.world.statements_of(votes):
                if isinstance(said, Finalize):
                    assert blocks.get(said.view) == said.block_id, "finalize without notarization"
                elif isinstance(said, Notarize):
                    parent = self.world.parents[said.block_id]
                    assert parent == BOUNDARY or blocks.get(parent.view) == parent.block_id
                    between = range(parent.view + 1, said.view)
                    assert nullified.issuperset(between), "a skipped view was not nullified"
        self.found.note(nullified, set(blocks), {said.view for said in finalized})

    def _on_one_chain(self, final: Finalize, finalized: list[Finalize]) -> bool:
        """Return whether the final blocks of earlier views are ancestors of a final block."""
        ancestors = {final.block_id}
        at = BlockRef(final.view, final.block_id)
        while at != BOUNDARY:
            at = self.world.parents[at.block_id]
            ancestors.add(at.block_id)
        return all(said.block_id in ancestors for said in finalized if said.view <= final.view)


@dataclass(frozen=True)
class Offers:
    """What the network can deliver: statements by number."""

    proposals: tuple[int, ...]
    quorums: tuple[int, ...]
    too_few: tuple[int, ...]
    """One vote is missing to a quorum."""
