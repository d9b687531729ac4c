"""Ballots: who votes, what passes when, what is free and bounded (E6, T11)."""

import pytest

from ledger.actions import CastVote
from ledger.authorities import faulty_max, quorum_of, set_changes_max
from ledger.ballots import BALLOTS_OPEN_MAX
from ledger.fees import fee_free_slot
from ledger.governance_rejections import (
    BallotClosed,
    NotAuthority,
    TooManyBallots,
    VoteInvalid,
    VoteRepeated,
)
from ledger.hashing import sha256
from ledger.job_rejections import DeadlinePassed
from ledger.motions import (
    IssueUnits,
    SetParameter,
)
from ledger.outcomes import OutcomeKind
from ledger.params import Parameters
from ledger.rejections import FeeNotAllowed
from tests.ledger.councils import BALLOT_MS, COUNCIL, QUICK, Council
from tests.ledger.worlds import AITBC, PEOPLE

K = OutcomeKind

FEE = SetParameter("fee_base", 2_000)


# ---------------------------------------------------------------- who decides, and when


@pytest.mark.parametrize(
    ("validators", "quorum"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (100, 67)]
)
def test_n_minus_f_yes_votes_pass_a_motion(validators: int, quorum: int) -> None:
    assert quorum_of(validators) == validators - faulty_max(validators) == quorum
    assert set_changes_max(validators) == max(1, faulty_max(validators))


def test_a_motion_passes_with_the_vote_that_completes_the_quorum() -> None:
    world = Council(4)
    ballot_id = world.open(FEE)
    world.vote(ballot_id, 1)
    assert world.is_open(ballot_id)
    assert not _fees_to_come(world)
    world.vote(ballot_id, 2)
    assert not world.is_open(ballot_id)
    assert _fees_to_come(world) == [2_000]
    passed = world.told(K.BALLOT_PASSED)
    assert [outcome.object_id for outcome in passed] == [ballot_id]


def test_a_single_authority_decides_alone_in_one_transaction() -> None:
    world = Council(1)
    world.open(IssueUnits(PEOPLE.stranger.address, AITBC))
    assert world.balance(PEOPLE.stranger.address) == AITBC
    kinds = [outcome.kind for outcome in world.results[-1].outcomes]
    assert kinds == [K.BALLOT_OPENED, K.BALLOT_PASSED, K.UNITS_ISSUED]


def test_nobody_but_an_authority_opens_or_votes() -> None:
    world = Council(4)
    ballot_id = world.open(FEE)
    for key in (PEOPLE.client, PEOPLE.coordinator, COUNCIL[4]):
        for action in (CastVote(None, FEE, support=True), CastVote(ballot_id, None, support=True)):
            with pytest.raises(NotAuthority):
                world.act(key, action)


@pytest.mark.parametrize(
    "action",
    [
        CastVote(None, None, support=True),
        CastVote(bytes(32), FEE, support=True),
        CastVote(None, FEE, support=False),
    ],
)
def test_a_vote_names_a_ballot_or_supports_a_new_motion(action: CastVote) -> None:
    with pytest.raises(VoteInvalid):
        Council(1).act(COUNCIL[0], action)


def test_a_vote_carries_no_fee() -> None:
    world = Council(4)
    signed = world.sign(COUNCIL[0], CastVote(None, FEE, support=True), fee=1)
    with pytest.raises(FeeNotAllowed):
        world.block(signed)


def test_a_ballot_that_passed_is_closed() -> None:
    world = Council(4)
    ballot_id = world.decide(FEE)
    with pytest.raises(BallotClosed):
        world.vote(ballot_id, 3)
    with pytest.raises(BallotClosed):
        world.vote(sha256(b"never was"), 3)


def test_a_yes_counts_once_however_often_it_is_signed() -> None:
    world = Council(4)
    ballot_id = world.open(FEE)
    for _ in range(3):
        with pytest.raises(VoteRepeated):
            world.vote(ballot_id, 0)
    assert world.is_open(ballot_id)


def test_an_authority_changes_its_mind_once() -> None:
    world = Council(4)
    ballot_id = world.open(FEE)
    world.vote(ballot_id, 1)
    world.vote(ballot_id, 1, support=False)
    with pytest.raises(VoteRepeated):
        world.vote(ballot_id, 1)
    world.vote(ballot_id, 2)
    assert world.is_open(ballot_id), "a yes that was withdrawn counts no more"
    world.vote(ballot_id, 3, support=False)
    world.vote(ballot_id, 3)
    assert not world.is_open(ballot_id), "a no may become a yes"


def test_an_authority_has_sixteen_open_ballots_and_no_more() -> None:
    world = Council(4)
    for fee in range(BALLOTS_OPEN_MAX):
        world.open(SetParameter("fee_base", fee))
    with pytest.raises(TooManyBallots):
        world.open(SetParameter("fee_base", 5_000))
    world.open(SetParameter("fee_base", 5_000), opener=1)
    world.vote(world.results[0].transaction_ids[0], 0, support=False)
    with pytest.raises(TooManyBallots):
        world.open(SetParameter("fee_base", 5_001))
    world.run_to(world.now_ms + BALLOT_MS + 1_000)
    world.open(SetParameter("fee_base", 5_002))


def test_a_pool_holds_one_vote_of_an_authority_on_a_ballot() -> None:
    world = Council(4)
    yes, again = (world.sign(COUNCIL[0], CastVote(None, FEE, support=True)) for _ in range(2))
    other = world.sign(COUNCIL[0], CastVote(None, SetParameter("fee_base", 3), support=True))
    slots = [fee_free_slot(signed.transaction) for signed in (yes, again, other)]
    assert slots[0] == slots[1] != slots[2]


# ---------------------------------------------------------------- time


def test_a_ballot_expires_by_itself_and_says_so() -> None:
    world = Council(4)
    ballot_id = world.open(FEE)
    due_ms = world.ballot(ballot_id).due_ms
    assert due_ms == world.now_ms + BALLOT_MS
    assert world.head.next_due_ms == -(-due_ms // 1_000) * 1_000
    world.run_to(due_ms + 1_001)
    assert not world.is_open(ballot_id)
    expired = world.told(K.BALLOT_EXPIRED)
    assert [(o.object_id, o.cause) for o in expired] == [(ballot_id, b"")]
    with pytest.raises(BallotClosed):
        world.vote(ballot_id, 1)


def test_a_vote_is_in_time_in_the_last_millisecond_and_not_after_it() -> None:
    for late_ms, refusal in ((0, None), (1, DeadlinePassed)):
        world = Council(2, Parameters(**_changed(epoch_ms=3_600_000, ballot_ms=60_000)))
        world.run_to(world.now_ms + 1_500)
        ballot_id = world.open(FEE)
        after_ms = world.ballot(ballot_id).due_ms + late_ms - world.now_ms
        action = CastVote(ballot_id, None, support=True)
        if refusal is None:
            world.act(COUNCIL[1], action, after_ms=after_ms)
            assert not world.is_open(ballot_id)
        else:
            with pytest.raises(refusal):
                world.act(COUNCIL[1], action, after_ms=after_ms)


def _fees_to_come(world: Council) -> list[int]:
    """Return the base fee that waits for the epoch's end, if any does."""
    parameters = world.pending.parameters
    return [] if parameters is None else [parameters.fee_base]


def _changed(**changes: int) -> dict[str, int]:
    """Return the quick parameters with changes."""
    return {name: getattr(QUICK, name) for name in Parameters.__struct_fields__} | changes
