"""Ballots: how authorities decide together (E6, T11).

A member of the validator set opens a ballot with a motion, which counts as its yes, or votes on an
open one; it may change its mind once, for votes are free. A motion passes with n − f yes votes of
the set as it is, counted at each yes and whenever the set changes at an epoch's boundary. A ballot
that has passed leaves the state, and so does one that nobody passed within `ballot_ms`: from then
on it is BALLOT_CLOSED.

    NOT_AUTHORITY → BALLOT_CLOSED → DEADLINE_PASSED → VOTE_REPEATED or TOO_MANY_BALLOTS → the motion
"""

from typing import Final

from msgspec.structs import replace

from ledger.actions import CastVote
from ledger.authorities import member_of, quorum_of, validators_of
from ledger.decisions import Decision, carry_out
from ledger.due import later_ms
from ledger.environment import Cause, Environment
from ledger.errors import TransactionRejected
from ledger.governance_rejections import (
    BallotClosed,
    NotAuthority,
    TooManyBallots,
    VoteRepeated,
)
from ledger.job_rejections import DeadlinePassed
from ledger.motion_checks import check_motion, check_new_motion
from ledger.motions import Motion, motion_kind
from ledger.outcomes import OutcomeKind
from ledger.records import Ballot, BallotVote, Table, ValidatorSet, state_key
from ledger.state import State
from ledger.types import Hash, PublicKey

BALLOTS_OPEN_MAX: Final = 16
"""Open ballots that one authority may have opened, since opening is free (T11)."""


def find_ballot(state: State, ballot_id: Hash) -> Ballot:
    """Return an open ballot.

    Raises:
        BallotClosed: none has this id.
    """
    ballot = state.get(state_key(Table.BALLOT, ballot_id))
    if ballot is None:
        raise BallotClosed(ballot_id)
    assert isinstance(ballot, Ballot)
    return ballot


def open_ballots(state: State) -> list[tuple[Hash, Ballot]]:
    """Return all open ballots with their ids, the one that ends first first."""
    found = [(key[1:], find_ballot(state, key[1:])) for key in state.ballot_keys()]
    return sorted(found, key=lambda entry: (entry[1].due_ms, entry[0]))


def supporters(ballot: Ballot, validators: ValidatorSet) -> int:
    """Return how many members of the set are for the motion."""
    members = {member.public_key for member in validators.members}
    return sum(vote.support and vote.authority in members for vote in ballot.votes)


def has_passed(ballot: Ballot, validators: ValidatorSet) -> bool:
    """Return whether n − f members of the set are for the motion (E6)."""
    return supporters(ballot, validators) >= quorum_of(len(validators.members))


def apply_vote(env: Environment, cause: Cause, action: CastVote) -> None:
    """Open a ballot or vote on one; carry the motion out when this vote passes it.

    Raises:
        TransactionRejected: of `ledger.governance_rejections`, and what the motion's subject has to
            say; nothing has changed then.
    """
    if member_of(validators_of(env.state), cause.public_key) is None:
        raise NotAuthority(cause.public_key)
    if action.ballot_id is None:
        assert action.motion is not None, "checked before any state is"
        _open(env, cause, action.motion)
    else:
        _vote(env, cause, action.ballot_id, support=action.support)


def expire_ballot(env: Environment, key: bytes, ballot: Ballot) -> None:
    """Close a ballot that nobody passed in time: automatic work."""
    env.state.put(key, None)
    env.record(OutcomeKind.BALLOT_EXPIRED, b"", key[1:], motion_kind(ballot.motion))


def tally_again(env: Environment) -> None:
    """Count all open ballots against a set that has just changed: automatic work.

    Votes of those who left lapse. What passes now is decided by no vote; what cannot be carried out
    stays open.
    """
    validators = validators_of(env.state)
    members = {member.public_key for member in validators.members}
    for ballot_id, before in open_ballots(env.state):
        votes = tuple(vote for vote in before.votes if vote.authority in members)
        ballot = replace(before, votes=votes)
        env.state.put(state_key(Table.BALLOT, ballot_id), ballot)
        if env.now_ms <= ballot.due_ms and has_passed(ballot, validators):
            try:
                check_motion(env, ballot.motion)
            except TransactionRejected:
                continue
            _pass(Decision(env, b"", ballot_id), ballot.motion)


def _open(env: Environment, cause: Cause, motion: Motion) -> None:
    """Open a ballot with its opener's yes, which alone may pass it."""
    _check_open_ballots(env.state, cause.public_key)
    check_new_motion(env.tags, motion)
    check_motion(env, motion)
    vote = BallotVote(cause.public_key, support=True, changed=False)
    due_ms = later_ms(env.now_ms, env.parameters.ballot_ms)
    ballot = Ballot(cause.public_key, motion, due_ms, (vote,))
    ballot_id = cause.transaction_id
    share = (cause.sender, 0)
    env.record(OutcomeKind.BALLOT_OPENED, ballot_id, ballot_id, motion_kind(motion), share)
    _count(env, cause, ballot_id, ballot)


def _vote(env: Environment, cause: Cause, ballot_id: Hash, *, support: bool) -> None:
    """Record a vote on an open ballot; a yes may pass it."""
    ballot = find_ballot(env.state, ballot_id)
    if env.now_ms > ballot.due_ms:
        raise DeadlinePassed(ballot.due_ms, env.now_ms)
    known = next((v for v in ballot.votes if v.authority == cause.public_key), None)
    if known is not None and (known.changed or known.support == support):
        raise VoteRepeated(ballot_id, known.support)
    if support:
        check_motion(env, ballot.motion)
    vote = BallotVote(cause.public_key, support, changed=known is not None)
    others = (v for v in ballot.votes if v.authority != cause.public_key)
    votes = tuple(sorted((*others, vote), key=lambda v: v.authority))
    share = (cause.sender, 0)
    env.record(OutcomeKind.BALLOT_VOTED, cause.transaction_id, ballot_id, support, share)
    voted = replace(ballot, votes=votes)
    if support:
        _count(env, cause, ballot_id, voted)
    else:
        # A no passes nothing. The yes votes may suffice all the same, where a boundary lowered the
        # quorum and the motion could not be carried out.
        env.state.put(state_key(Table.BALLOT, ballot_id), voted)


def _count(env: Environment, cause: Cause, ballot_id: Hash, ballot: Ballot) -> None:
    """Pass the ballot if its votes suffice, else keep it open."""
    env.state.put(state_key(Table.BALLOT, ballot_id), ballot)
    if has_passed(ballot, validators_of(env.state)):
        _pass(Decision(env, cause.transaction_id, ballot_id), ballot.motion)


def _pass(decision: Decision, motion: Motion) -> None:
    """Close the ballot and do what it decided."""
    env, kind = decision.env, motion_kind(motion)
    env.state.put(state_key(Table.BALLOT, decision.ballot_id), None)
    env.record(OutcomeKind.BALLOT_PASSED, decision.cause, decision.ballot_id, kind)
    carry_out(decision, motion)


def _check_open_ballots(state: State, opener: PublicKey) -> None:
    """Check that the authority may open another ballot (T11)."""
    if state.ballots_by(opener) >= BALLOTS_OPEN_MAX:
        raise TooManyBallots(BALLOTS_OPEN_MAX)
