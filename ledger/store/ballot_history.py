"""What outcome records of governance mean for the rows of ballots. Part of `history`."""

from ledger.actions import CastVote
from ledger.codec import encode
from ledger.motions import motion_kind
from ledger.outcomes import OutcomeKind
from ledger.store.columns import id_prefix
from ledger.store.entries import BallotEntry
from ledger.store.governance_models import BallotStatus
from ledger.store.history import Event
from ledger.types import Hash


def follow_ballot(ballots: dict[Hash, BallotEntry], event: Event) -> None:
    """Open or close a ballot as an outcome says; those that an index began after are passed over.

    Args:
        ballots: entries by id; changed.
        event: the outcome; any kind.
    """
    outcome = event.outcome
    if outcome.kind is OutcomeKind.BALLOT_OPENED:
        ballots[outcome.object_id] = _opened(event)
    elif outcome.kind is OutcomeKind.BALLOT_PASSED:
        _close(ballots, event, BallotStatus.PASSED)
    elif outcome.kind is OutcomeKind.BALLOT_EXPIRED:
        _close(ballots, event, BallotStatus.EXPIRED)


def _opened(event: Event) -> BallotEntry:
    vote = event.action
    assert isinstance(vote, CastVote)
    assert vote.motion is not None
    return BallotEntry(
        position=event.position,
        id_prefix=id_prefix(event.outcome.object_id),
        ballot_id=event.outcome.object_id,
        opener=event.sender,
        kind=motion_kind(vote.motion),
        motion=encode(vote.motion),
        opened_ms=event.timestamp_ms,
        status=BallotStatus.OPEN,
    )


def _close(ballots: dict[Hash, BallotEntry], event: Event, status: BallotStatus) -> None:
    ballot = ballots.get(event.outcome.object_id)
    if ballot is not None:
        ballot.status = status
        ballot.closed_height, ballot.closed_ms = event.height, event.timestamp_ms
