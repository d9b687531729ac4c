"""What a core waits for, so that no standstill is silent: read by the operator, never by a rule."""

from dataclasses import dataclass
from enum import Enum

from consensus.messages import VoteKind
from consensus.state import CoreState
from consensus.view_state import ViewState
from ledger.types import Hash, View


class Awaited(Enum):
    """What has to come next, in the order of a view's life."""

    NEXT_EPOCH = "next_epoch"
    """The epoch's last block is final; nothing more happens in this one."""
    WORK = "work"
    """Nothing is to be ordered, and no heartbeat is due: the chain is quiet, not stuck."""
    CERTIFICATES = "certificates"
    """A certificate that the proposal, or the own turn to propose, is based on."""
    PROPOSAL = "proposal"
    """The leader's proposal."""
    BLOCK = "block"
    """The application's verdict on a block, which it may have to fetch."""
    NOTARIZES = "notarizes"
    """Votes for the proposal."""
    NULLIFIES = "nullifies"
    """Votes to leave the view without a block: this node has given it up."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the current view waits for. Times are those of the events (monotonic)."""

    awaited: Awaited
    """What has to come next."""
    view: View
    """Current view."""
    leader: int
    """Member that proposes in it."""
    since_ms: int
    """When the time of this view started to run; when it was entered, if it does not run."""
    final_ms: int
    """When something last became final, or when this process started."""
    certificates: tuple[View, ...]
    """Views above the final one whose certificates are missing, ascending; bounded."""
    blocks: tuple[Hash, ...]
    """Blocks that the application was asked about and has no verdict on, ascending by view."""
    votes: int
    """Members, this node included, that gave the awaited kind of vote; 0 if none is awaited."""
    quorum: int
    """Votes that are needed."""
    absent: tuple[int, ...]
    """Other members that did not give the awaited vote; in other cases not heard in this view."""
    heard_ms: dict[int, int]
    """When each other member was last heard; who is not in it was silent since the start."""


def waiting_for(state: CoreState, missing: tuple[View, ...]) -> Waiting:
    """Describe what a core waits for.

    Args:
        state: the core's.
        missing: views whose certificates the proposal or the own turn lacks.
    """
    at = state.log.at(state.view)
    awaited = _awaited(state, at, missing)
    kind = {Awaited.NOTARIZES: VoteKind.NOTARIZE, Awaited.NULLIFIES: VoteKind.NULLIFY}.get(awaited)
    given = at.tallies[kind].voters() if kind else set()
    others = [member for member in range(state.committee.size) if member != state.me]
    return Waiting(
        awaited=awaited,
        view=state.view,
        leader=state.committee.leader(state.view),
        since_ms=state.pacemaker.running_ms(state.now_ms),
        final_ms=state.final_ms,
        certificates=missing,
        blocks=tuple(_open_questions(state)),
        votes=len(given),
        quorum=state.committee.quorum,
        absent=tuple(
            member
            for member in others
            if (member not in given if kind else not state.has_entered(member, state.view))
        ),
        heard_ms=dict(state.heard_ms),
    )


def _awaited(state: CoreState, at: ViewState, missing: tuple[View, ...]) -> Awaited:
    if state.is_closed:
        return Awaited.NEXT_EPOCH
    if VoteKind.NULLIFY in at.own:
        return Awaited.NULLIFIES
    if at.notarized:
        return Awaited.BLOCK
    if missing and (at.proposal or state.is_leading):
        return Awaited.CERTIFICATES
    if VoteKind.NOTARIZE in at.own:
        return Awaited.NOTARIZES
    if at.proposal:
        return Awaited.BLOCK
    return Awaited.PROPOSAL if state.pacemaker.is_running(state.now_ms) else Awaited.WORK


def _open_questions(state: CoreState) -> list[Hash]:
    """Return the blocks that `Verify` or `Certify` asked about in vain so far."""
    found: list[Hash] = []
    for at in state.log.above_floor():
        if at.notarized and at.certified is None:
            found.append(at.notarized.block_id)
        elif at.view == state.view and at.proposal and not at.own and at.executed is None:
            found.append(at.proposal.block_id)
    return found
