"""All views above the floor, and what they say about which block extends which."""

from collections.abc import Iterator

from consensus.events import BlockRef
from consensus.messages import Certificate, Vote, votes_of
from consensus.view_state import ViewState
from ledger.types import View


class ViewLog:
    """Views above the last finalization, which is the floor and never moves back."""

    __slots__ = ("_views", "floor", "floor_certificate", "tip")

    def __init__(self, floor: BlockRef, certificate: Certificate | None) -> None:
        """Start at a final block; only the boundary block has no certificate."""
        self._views: dict[View, ViewState] = {}
        self.floor = floor
        """The newest final block."""
        self.floor_certificate = certificate
        """Its finalization."""
        self.tip = floor
        """The highest block that is certified here, or the floor if that is higher."""

    def at(self, view: View) -> ViewState:
        """Return the state of a view above the floor, making it if need be.

        The caller bounds the view: votes by E8, certificates by their quorum.
        """
        assert view > self.floor.view
        state = self._views.get(view)
        if state is None:
            state = self._views[view] = ViewState(view)
        return state

    def find(self, view: View) -> ViewState | None:
        """Return the state of a view if anything is known of it."""
        return self._views.get(view)

    def above_floor(self) -> list[ViewState]:
        """Return all states, ascending by view."""
        return [self._views[view] for view in sorted(self._views)]

    def vote_of(self, member: int) -> Vote | None:
        """Return the newest vote of a member that is held, by itself or in a certificate."""
        for state in reversed(self.above_floor()):
            for tally in state.tallies.values():
                vote = tally.vote_of(member)
                if vote is not None:
                    return vote
        at_floor = votes_of(self.floor_certificate) if self.floor_certificate else ()
        return next((vote for vote in at_floor if vote.signer == member), None)

    def base(self, view: View) -> BlockRef | None:
        """Return the block of a view if it may be built on: certified here, or the floor."""
        if view == self.floor.view:
            return self.floor
        state = self._views.get(view)
        if state is None or not state.certified or state.notarized is None:
            return None
        return BlockRef(view, state.notarized.block_id)

    def without_nullification(self, above: View, below: View) -> Iterator[View]:
        """Yield the views strictly between two whose nullification is missing (rules 2, 3)."""
        for view in range(above + 1, below):
            state = self._views.get(view)
            if state is None or not state.is_nullified:
                yield view

    def undecided(self, below: View) -> Iterator[View]:
        """Yield views above the floor with neither a nullification nor a certified block.

        The network left them for a reason that this node missed.
        """
        for view in range(self.floor.view + 1, below):
            state = self._views.get(view)
            if state is None or not (state.is_nullified or state.certified):
                yield view

    def certify(self, state: ViewState) -> None:
        """Note that a notarized block was executed here."""
        assert state.notarized is not None
        state.certified = True
        if state.view > self.tip.view:
            self.tip = BlockRef(state.view, state.notarized.block_id)

    def raise_floor(self, floor: BlockRef, certificate: Certificate) -> None:
        """Make a block final and forget everything up to its view."""
        assert floor.view > self.floor.view, "the floor never moves back"
        self.floor = floor
        self.floor_certificate = certificate
        self._views = {view: state for view, state in self._views.items() if view > floor.view}
        if self.tip.view < floor.view:
            self.tip = floor

    def depth(self) -> int:
        """Return how many blocks from the tip down are known and not final (E1)."""
        count = 0
        at = self._views.get(self.tip.view)
        while at is not None and at.notarized is not None:
            count += 1
            at = self._views.get(at.notarized.parent_view)
        return count
