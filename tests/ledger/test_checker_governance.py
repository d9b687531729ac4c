"""What the checker refuses of governance: forged sets, votes, decisions, evidence (5, 7, 10)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ledger.actions import CastVote
from ledger.block import ZERO_HASH
from ledger.checker.broken import Invariant
from ledger.codec import encode
from ledger.hashing import Purpose
from ledger.motions import IssueUnits, RemoveAuthority, SetParameter
from ledger.outcomes import Outcome, OutcomeKind
from ledger.params import Parameters
from ledger.records import (
    Ballot,
    BallotVote,
    Coordinator,
    EvidenceLog,
    PendingChanges,
    SetChange,
    SetChangeKind,
    Table,
    ValidatorSet,
    state_key,
)
from tests.ledger.claims import Claim, assert_broken, claim_of
from tests.ledger.councils import COUNCIL, EPOCH_MS, Council
from tests.ledger.worlds import PEOPLE

VALIDATORS, PARAMETERS = state_key(Table.VALIDATORS), state_key(Table.PARAMETERS)
PENDING, EVIDENCE = state_key(Table.PENDING), state_key(Table.EVIDENCE)
FEE = SetParameter("fee_base", 7)
OTHER_FEE = SetParameter("fee_base", 8)

Forge = Callable[[Claim], object]


def voted(world: Council, action: CastVote, voter: int = 0) -> Claim:
    return claim_of(world, world.sign(COUNCIL[voter], action))


def opening(world: Council) -> Claim:
    """A block that opens a ballot among four."""
    return voted(world, CastVote(None, FEE, support=True))


def members_of(claim: Claim) -> ValidatorSet:
    record = claim.record(VALIDATORS)
    assert isinstance(record, ValidatorSet)
    return record


def removal_of_the_first(claim: Claim) -> PendingChanges:
    change = SetChange(SetChangeKind.REMOVE, members_of(claim).members[0], bytes(32))
    return PendingChanges((change,), None)


def ballot_key(claim: Claim) -> bytes:
    return next(key for key in claim.delta if key[0] == Table.BALLOT)


def change_ballot(claim: Claim, **changes: object) -> None:
    key = ballot_key(claim)
    ballot = claim.record(key)
    assert isinstance(ballot, Ballot)
    claim.put(key, replace(ballot, **changes))


FORGED: dict[str, Forge] = {
    "a set without a ballot": lambda c: c.put(VALIDATORS, ValidatorSet(members_of(c).members[1:])),
    "parameters without a ballot": lambda c: c.put(PARAMETERS, Parameters(fee_base=0)),
    "a coordinator without a ballot": lambda c: c.put(
        state_key(Table.COORDINATOR, PEOPLE.stranger.address), Coordinator("friend")
    ),
    "a change that nobody decided": lambda c: c.put(
        PENDING,
        PendingChanges(
            (SetChange(SetChangeKind.REMOVE, members_of(c).members[0], bytes(32)),), None
        ),
    ),
    "evidence that nobody showed": lambda c: c.put(EVIDENCE, EvidenceLog(9, 0, 0, ())),
    "a ballot that nobody opened": lambda c: c.put(
        state_key(Table.BALLOT, bytes(32)), Ballot(COUNCIL[0].public_key, FEE, 9, ())
    ),
    "a ballot that vanishes": lambda c: c.put(ballot_key(c), None),
    "a vote that nobody cast": lambda c: change_ballot(
        c,
        votes=tuple(
            BallotVote(key.public_key, support=True, changed=False)
            for key in sorted(COUNCIL[:2], key=lambda key: key.public_key)
        ),
    ),
    "a ballot that lives longer": lambda c: change_ballot(c, due_ms=2**47),
    "another motion than was signed": lambda c: change_ballot(
        c, motion=SetParameter("fee_base", 8)
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_no_vote_decided_breaks_the_set(what: str) -> None:
    assert_broken(opening(Council(4)), Invariant.SET, FORGED[what])


def test_a_vote_of_a_stranger_breaks_the_set() -> None:
    claim = opening(Council(4))
    assert_broken(claim, Invariant.SET, lambda c: c.resign(PEOPLE.stranger))


def test_a_motion_that_passes_too_early_breaks_the_outcomes() -> None:
    claim = opening(Council(4))
    cause = claim.outcomes[0].cause

    def pass_at_once(forged: Claim) -> None:
        forged.outcomes.append(Outcome(OutcomeKind.BALLOT_PASSED, cause, cause, 5, (), ()))
        forged.put(ballot_key(forged), None)
        forged.put(PENDING, PendingChanges((), Parameters(fee_base=7)))

    assert_broken(claim, Invariant.OUTCOMES, pass_at_once)


def test_a_motion_with_its_quorum_that_stays_open_breaks_the_outcomes() -> None:
    world = Council(2)
    ballot_id = world.open(FEE)
    claim = voted(world, CastVote(ballot_id, None, support=True), voter=1)

    def stay_open(forged: Claim) -> None:
        del forged.outcomes[1:]
        forged.delta = {}

    assert_broken(claim, Invariant.OUTCOMES, stay_open)


def test_a_yes_for_what_cannot_be_done_breaks_the_set() -> None:
    claim = opening(Council(4))
    action = CastVote(None, SetParameter("fee_base", 10**13), support=True)
    assert_broken(claim, Invariant.SET, lambda c: c.resign(COUNCIL[0], action=action))


def test_units_beyond_what_was_voted_break_the_outcomes() -> None:
    world = Council(1)
    to = PEOPLE.stranger.address
    claim = voted(world, CastVote(None, IssueUnits(to, 5), support=True))

    def issue_more(forged: Claim) -> None:
        forged.outcomes[-1] = replace(forged.outcomes[-1], amounts=(6,))

    assert_broken(claim, Invariant.OUTCOMES, issue_more)


# ---------------------------------------------------------------- an epoch's end


def boundary(world: Council) -> Claim:
    """An epoch's last block."""
    end_ms = world.head.next_epoch_start_ms + EPOCH_MS
    return claim_of(world, after_ms=end_ms - world.now_ms)


def set_hash(claim: Claim, validators: ValidatorSet) -> bytes:
    return claim.world.head.tags.digest(Purpose.VALIDATOR_SET, encode(validators))


def test_more_changes_than_one_boundary_takes_break_the_outcomes() -> None:
    world = Council(4)
    for number in (0, 1):
        world.decide(RemoveAuthority(COUNCIL[number].public_key))
    claim = boundary(world)

    def take_both(forged: Claim) -> None:
        members = members_of(forged).members
        second = next(m for m in members if m.public_key == COUNCIL[1].public_key)
        removed = Outcome(
            OutcomeKind.VALIDATOR_REMOVED, b"", second.public_key, 2, (second.payout,), (0,)
        )
        forged.outcomes.append(removed)
        forged.put(VALIDATORS, ValidatorSet(tuple(m for m in members if m != second)))
        forged.put(PENDING, None)

    assert_broken(claim, Invariant.OUTCOMES, take_both)


def test_a_boundary_that_forgets_what_waits_breaks_the_outcomes() -> None:
    world = Council(4)
    world.decide(FEE)

    def forget(forged: Claim) -> None:
        forged.outcomes.clear()
        forged.delta = {}

    assert_broken(boundary(world), Invariant.OUTCOMES, forget)


def test_a_change_before_the_boundary_breaks_the_set() -> None:
    world = Council(4)
    world.decide(FEE)
    claim = claim_of(world)
    assert_broken(claim, Invariant.SET, lambda c: c.put(PARAMETERS, Parameters(fee_base=7)))


@pytest.mark.parametrize("lie", ["the old set", "none"])
def test_a_boundary_that_names_another_next_set_breaks_links(lie: str) -> None:
    world = Council(4)
    old = world.head.validators
    world.decide(RemoveAuthority(COUNCIL[3].public_key))
    claim = boundary(world)
    named = set_hash(claim, old) if lie == "the old set" else ZERO_HASH
    claim.set_header(next_validator_set_hash=named)
    assert_broken(claim, Invariant.LINKS)


def test_a_block_inside_an_epoch_that_names_a_next_set_breaks_links() -> None:
    claim = opening(Council(4))
    claim.set_header(next_validator_set_hash=set_hash(claim, claim.world.head.validators))
    assert_broken(claim, Invariant.LINKS)


def test_a_boundary_that_keeps_the_votes_of_those_who_left_breaks_the_set() -> None:
    world = Council(4)
    ballot_id = world.open(FEE, opener=3)
    world.decide(RemoveAuthority(COUNCIL[3].public_key))
    claim = boundary(world)
    key = state_key(Table.BALLOT, ballot_id)
    assert_broken(claim, Invariant.SET, lambda c: c.delta.pop(key))


# ---------------------------------------------------------------- evidence


def test_evidence_that_proves_nothing_breaks_the_set() -> None:
    """A broken node that includes bad evidence, with all that good evidence would do."""
    world = Council(4)
    good = world.equivocation(2)
    forged = {
        "the same twice": replace(good, second=good.first),
        "another's signature": replace(
            good, second=replace(good.second, signature=world.equivocation(3).second.signature)
        ),
        "against another": replace(good, authority=COUNCIL[3].public_key),
        "of the future": world.equivocation(2, epoch=5),
        "against nobody": world.equivocation(9),
    }
    for action in forged.values():
        fresh = Council(4)
        claim = claim_of(fresh, fresh.sign(PEOPLE.stranger, good))

        def include(claimed: Claim, action: object = action) -> None:
            claimed.resign(PEOPLE.stranger, action=action)

        assert_broken(claim, Invariant.SET, include)


def test_evidence_without_an_eviction_breaks_the_set() -> None:
    world = Council(4)
    claim = claim_of(world, world.sign(PEOPLE.stranger, world.equivocation(2)))
    assert_broken(claim, Invariant.SET, lambda c: c.put(PENDING, None))


def test_evidence_that_is_not_remembered_breaks_the_set() -> None:
    world = Council(4)
    claim = claim_of(world, world.sign(PEOPLE.stranger, world.equivocation(2)))
    assert_broken(claim, Invariant.SET, lambda c: c.put(EVIDENCE, None))
