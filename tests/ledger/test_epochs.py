"""Epochs: how the set and the parameters change at a boundary, and only there (E2, E3, E4, S13)."""

import dataclasses

import pytest
from msgspec.structs import replace

from ledger.actions import CastVote
from ledger.authorities import coming_protocol_version, unknown_protocol_version
from ledger.block import ZERO_HASH
from ledger.block_errors import HeaderMismatch, ProposerUnknown
from ledger.boundary import boundary_weight
from ledger.errors import ProtocolVersionUnknown
from ledger.governance_rejections import NotAuthority
from ledger.motions import (
    IssueUnits,
    RemoveAuthority,
    ResolveDispute,
    SetParameter,
    SetProtocolVersion,
)
from ledger.outcomes import OutcomeKind
from ledger.params import DUE_ITEM_WEIGHT_US, receipt_grace_ms
from ledger.proposal import build_block
from ledger.transition import apply_block, is_quiet
from ledger.views import validator_set_hash
from tests.ledger.councils import COUNCIL, EPOCH_MS, QUICK, Council, records_of
from tests.ledger.worlds import AITBC, PEOPLE

K = OutcomeKind


def removal(number: int) -> RemoveAuthority:
    return RemoveAuthority(COUNCIL[number].public_key)


# ---------------------------------------------------------------- the set


def test_the_set_goes_from_one_to_two_four_seven_and_back_to_three() -> None:
    world = Council(1)
    sizes = []
    for number in range(1, 7):
        world.decide(world.joining(number))
        world.end_epoch()
        sizes.append(len(world.members))
    assert sizes == [2, 3, 4, 5, 6, 7]
    for number in (0, 3, 4, 6):
        world.decide(removal(number))
    sizes = []
    while world.pending.set_changes:
        world.end_epoch()
        sizes.append(len(world.members))
    assert sizes == [5, 4, 3], "two while f = 2, one while f = 1 (E2)"
    assert world.numbers == [1, 2, 5]
    assert [o.object_id for o in world.told(K.VALIDATOR_REMOVED)] == [
        COUNCIL[number].public_key for number in (0, 3, 4, 6)
    ]


@pytest.mark.parametrize(("validators", "at_once"), [(1, 1), (4, 1), (6, 1), (7, 2), (10, 3)])
def test_at_most_max_1_f_changes_take_effect_and_the_rest_waits_in_order(
    validators: int, at_once: int
) -> None:
    world = Council(validators)
    for number in (11, 10):
        world.decide(world.joining(number))
    waiting = [change.validator.name for change in world.pending.set_changes]
    assert waiting == ["validator-11", "validator-10"]
    world.end_epoch()
    assert world.numbers[validators:] == [11, 10][:at_once]
    world.end_epoch()
    assert world.numbers[validators:] == [11, 10]


def test_a_boundary_block_commits_to_the_next_set_and_others_to_none() -> None:
    world = Council(4)
    world.decide(removal(0))
    old, now = world.head.validators, validator_set_hash
    inside = world.block()
    assert inside.view.header.next_validator_set_hash == ZERO_HASH
    last = world.end_epoch().view
    new = world.head.validators
    assert [m.public_key for m in new.members] == [k.public_key for k in COUNCIL[1:4]]
    assert last.header.validator_set_hash == now(world.head.tags, old)
    assert last.header.next_validator_set_hash == now(world.head.tags, new)
    first = world.block().view.header
    assert first.epoch == last.header.epoch + 1
    assert first.validator_set_hash == last.header.next_validator_set_hash


def test_a_removed_validator_proposes_and_votes_until_the_boundary_and_not_after_it() -> None:
    world = Council(4)
    world.decide(removal(0))
    ballot_id = world.open(SetParameter("fee_base", 7), opener=0)
    last = world.end_epoch()
    assert last.view.header.proposer == COUNCIL[0].public_key
    with pytest.raises(NotAuthority):
        world.vote(ballot_id, 0)
    late = dataclasses.replace(world.context(), proposer=COUNCIL[0].public_key)
    with pytest.raises(ProposerUnknown):
        build_block(world.head, (), late)


def test_a_header_that_names_another_next_set_is_invalid() -> None:
    world = Council(4)
    world.decide(removal(3))
    end_ms = world.head.next_epoch_start_ms + EPOCH_MS
    built = build_block(world.head, (), world.context(end_ms - world.now_ms)).block
    old = built.header.validator_set_hash
    lie = replace(built, header=replace(built.header, next_validator_set_hash=old))
    with pytest.raises(HeaderMismatch, match="next_validator_set_hash"):
        apply_block(world.head, lie)
    none = replace(built, header=replace(built.header, next_validator_set_hash=ZERO_HASH))
    with pytest.raises(HeaderMismatch, match="next_validator_set_hash"):
        apply_block(world.head, none)


def test_a_vote_in_an_epochs_last_block_is_one_of_the_next_set() -> None:
    world = Council(2)
    world.decide(removal(1))
    end_ms = world.head.next_epoch_start_ms + EPOCH_MS
    late = world.sign(COUNCIL[1], CastVote(None, SetParameter("fee_base", 5), support=True))
    with pytest.raises(NotAuthority):
        world.block(late, after_ms=end_ms - world.now_ms)
    early = world.sign(COUNCIL[0], CastVote(None, SetParameter("fee_base", 5), support=True))
    world.block(early, after_ms=end_ms - world.now_ms)
    assert world.told(K.BALLOT_PASSED)[-1].cause == world.id_of(early)
    assert world.head.parameters.fee_base == QUICK.fee_base, "it waits for the next boundary"
    world.end_epoch()
    assert world.head.parameters.fee_base == 5


# ---------------------------------------------------------------- ballots at a boundary


def test_a_smaller_set_passes_what_stood() -> None:
    world = Council(2)
    to = PEOPLE.stranger.address
    ballot_id = world.open(IssueUnits(to, AITBC))
    world.decide(removal(1))
    assert world.is_open(ballot_id)
    last = world.end_epoch()
    assert not world.is_open(ballot_id)
    assert world.balance(to) == AITBC
    assert [(o.kind, o.cause) for o in last.outcomes] == [
        (K.VALIDATOR_REMOVED, b""),
        (K.BALLOT_PASSED, b""),
        (K.UNITS_ISSUED, b""),
    ]


def test_votes_of_those_who_left_lapse_even_if_they_come_back() -> None:
    world = Council(4)
    ballot_id = world.open(SetParameter("fee_base", 9), opener=3)
    world.vote(ballot_id, 2)
    world.decide(removal(3))
    world.end_epoch()
    assert [vote.authority for vote in world.ballot(ballot_id).votes] == [COUNCIL[2].public_key]
    world.decide(world.joining(3))
    world.end_epoch()
    world.vote(ballot_id, 0)
    assert world.is_open(ballot_id), "the yes of 3 was of its first membership"
    world.vote(ballot_id, 3)
    assert not world.is_open(ballot_id)


def test_a_larger_set_asks_for_more_votes() -> None:
    world = Council(1)
    world.decide(world.joining(1))
    world.end_epoch()
    world.decide(world.joining(2))
    ballot_id = world.open(SetParameter("fee_base", 9))
    world.end_epoch()
    world.vote(ballot_id, 1)
    assert world.is_open(ballot_id), "two of two would have passed it, two of three do not"
    world.vote(ballot_id, 2)
    assert not world.is_open(ballot_id)


def test_what_cannot_be_carried_out_at_a_boundary_stays_open_and_expires() -> None:
    world = Council(2)
    world.register()
    job_id = world.submit(dispute_ms=60_000)
    world.assign(job_id)
    receipt_id = world.post(job_id)
    world.dispute(job_id, receipt_id)
    ballot_id = world.open(ResolveDispute(job_id, for_miner=True))
    world.accept(job_id, receipt_id)
    world.decide(removal(1))
    world.end_epoch()
    assert world.is_open(ballot_id)
    world.run_to(world.ballot(ballot_id).due_ms + 1_001)
    assert [o.object_id for o in world.told(K.BALLOT_EXPIRED)] == [ballot_id]


def test_a_no_passes_nothing_even_where_the_yes_votes_would_do() -> None:
    world = Council(5)
    ballot_id = world.open(removal(4))
    world.vote(ballot_id, 1)
    world.vote(ballot_id, 2)
    world.accuse(world.equivocation(4))
    world.end_epoch()
    # Three of four suffice now, and there is nobody left to remove.
    assert world.is_open(ballot_id)
    world.vote(ballot_id, 3, support=False)
    assert world.is_open(ballot_id)
    assert not world.told(K.BALLOT_PASSED)


def test_a_ballot_that_is_over_does_not_pass_at_a_boundary() -> None:
    world = Council(2, replace(QUICK, ballot_ms=EPOCH_MS))
    world.run_to(world.now_ms + 1)
    ballot_id = world.open(IssueUnits(PEOPLE.stranger.address, 1))
    world.decide(removal(1))
    # The boundary comes after the ballot's last moment and before its due second.
    due_ms = world.ballot(ballot_id).due_ms
    last = world.block(after_ms=due_ms + 1 - world.now_ms)
    assert last.view.ends_epoch
    assert world.balance(PEOPLE.stranger.address) == 0
    assert not world.told(K.UNITS_ISSUED)


# ---------------------------------------------------------------- parameters and time


def test_parameters_take_effect_in_the_next_epochs_first_block() -> None:
    world = Council(1)
    world.open(SetParameter("fee_base", 77))
    assert world.head.parameters.fee_base == QUICK.fee_base
    last = world.end_epoch()
    changed = [o for o in last.outcomes if o.kind is K.PARAMETER_CHANGED]
    assert [(o.object_id, o.code) for o in changed] == [(b"fee_base", 77)]
    assert world.head.parameters.fee_base == 77


def test_an_idle_chain_wakes_for_a_boundary_that_decides_and_for_no_other() -> None:
    world = Council(1)
    world.block()
    due = [world.head.next_due_ms]
    world.open(SetParameter("fee_base", 77))
    end_ms = world.head.next_epoch_start_ms + EPOCH_MS
    due.append(world.head.next_due_ms)
    world.end_epoch()
    due.append(world.head.next_due_ms)
    assert due == [None, end_ms, None]


def test_only_a_boundary_that_decides_is_not_quiet() -> None:
    world = Council(1)
    for decides in (False, True):
        if decides:
            world.open(SetParameter("fee_base", 77))
        end_ms = world.head.next_epoch_start_ms + EPOCH_MS
        parent = world.head
        block = build_block(parent, (), world.context(end_ms - world.now_ms)).block
        assert is_quiet(parent, block) is not decides
        assert (block.header.state_root == parent.state.root) is not decides
        world.block(after_ms=end_ms - world.now_ms)


def test_a_job_keeps_the_grace_of_the_set_that_it_was_locked_under() -> None:
    world = Council(6, replace(QUICK, delta_ms=2_000))
    world.register()
    before = world.job(world.submit()).receipt_grace_ms
    world.decide(world.joining(6))
    same_epoch = world.job(world.submit()).receipt_grace_ms
    world.end_epoch()
    after = world.job(world.submit()).receipt_grace_ms
    assert before == same_epoch == receipt_grace_ms(world.head.parameters, 6) == 48_000
    assert after == receipt_grace_ms(world.head.parameters, 7) == 72_000


def test_epochs_last_at_least_what_the_parameter_says_when_it_changes() -> None:
    world = Council(1)
    world.open(SetParameter("epoch_ms", 40_000))
    start = world.end_epoch().view.header.timestamp_ms
    assert not world.block(after_ms=EPOCH_MS).view.ends_epoch
    assert world.block(after_ms=start + 40_000 - world.now_ms).view.ends_epoch


def test_a_program_that_does_not_know_the_rules_stops_at_the_boundary_intact() -> None:
    world = Council(1)
    assert coming_protocol_version(world.head.state) is None
    world.open(SetProtocolVersion(2))
    assert coming_protocol_version(world.head.state) == 2
    assert unknown_protocol_version(world.head.state) is None
    last_but_one = build_block(world.head, (), world.context())
    world.end_epoch()
    assert unknown_protocol_version(world.head.state) == 2
    before = records_of(world)
    with pytest.raises(ProtocolVersionUnknown, match="version 2"):
        world.block()
    with pytest.raises(ProtocolVersionUnknown):
        apply_block(world.head, last_but_one.block)
    assert records_of(world) == before


# ---------------------------------------------------------------- weight


def test_only_a_change_of_the_set_makes_all_ballots_count_again() -> None:
    world = Council(4)
    for value in range(15):
        world.open(SetParameter("fee_per_byte", 100 + value))
    assert boundary_weight(world.head.state, world.head.parameters) == 0
    for voter in (1, 2):
        world.vote(world.results[0].transaction_ids[0], voter)
    assert boundary_weight(world.head.state, world.head.parameters) == DUE_ITEM_WEIGHT_US
    world.decide(removal(3))
    weight = boundary_weight(world.head.state, world.head.parameters)
    assert weight == (1 + 1 + 14) * DUE_ITEM_WEIGHT_US


def test_the_work_of_a_full_council_counts_for_half_a_block() -> None:
    world = Council(10, replace(QUICK, block_weight_max=10_000))
    world.decide(world.joining(10))
    for opener in range(9):
        for value in range(16):
            world.open(SetParameter("fee_per_byte", 100 + value), opener)
    assert boundary_weight(world.head.state, world.head.parameters) == 5_000
    world.end_epoch()
    assert 10 in world.numbers
    assert len(world.head.state.ballot_keys()) == 9 * 16
