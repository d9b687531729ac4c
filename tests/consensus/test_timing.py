"""When a core gives up, repeats itself, and stays quiet (rules 6, 10, 11, quiet chains)."""

import pytest

from consensus import (
    Broadcast,
    BroadcastProposal,
    Propose,
    SetTimer,
    Statement,
    Verdict,
)
from consensus.pacemaker import DELTA_MS_CAP
from tests.consensus.probe import DELTA_MS, Probe, finalize, notarize, nullify
from tests.consensus.small_network import TIMING, Network

# Rule 6 -------------------------------------------------------------------------------------


def test_no_proposal_by_two_deltas_after_work_appeared_is_nullified() -> None:
    probe = Probe(me=1)
    probe.wait(5_000)
    probe.work()
    probe.wait(2 * DELTA_MS - 1)
    assert not probe.votes()
    probe.wait(1)
    assert probe.votes() == [nullify(1)]


def test_a_proposal_that_is_not_certified_by_three_deltas_is_nullified() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.verified(1, Verdict.UNKNOWN)
    probe.wait(3 * DELTA_MS - 1)
    assert not probe.votes()
    probe.wait(1)
    assert probe.votes() == [nullify(1)]


def test_the_leaders_own_nullify_is_followed_at_once() -> None:
    probe = Probe(me=1)
    probe.hear(0, nullify(1))
    assert probe.votes() == [nullify(1)]


def test_another_members_nullify_is_not_followed() -> None:
    probe = Probe(me=1)
    probe.hear(2, nullify(1))
    probe.wait(2 * DELTA_MS)
    assert not probe.votes()


@pytest.mark.parametrize("said", [nullify(1), notarize(1)])
def test_more_voters_than_can_be_faulty_start_the_clock_of_a_quiet_view(said: Statement) -> None:
    probe = Probe(me=1)
    probe.hear(2, said)
    probe.wait(1_000)
    probe.hear(3, nullify(1))
    probe.wait(2 * DELTA_MS - 1)
    assert not probe.votes()
    probe.wait(1)
    assert probe.votes() == [nullify(1)]


def test_voters_that_were_heard_before_a_view_was_entered_start_its_clock_on_entry() -> None:
    probe = Probe(me=2)
    probe.hear(1, nullify(2))
    probe.hear(3, nullify(2))
    probe.clear()
    probe.show(nullify(1))
    probe.wait(2 * DELTA_MS)
    assert probe.votes() == [nullify(2)]


def test_a_notarization_of_a_block_that_does_not_come_is_given_up_at_three_deltas() -> None:
    probe = Probe(me=2)
    probe.show(notarize(1))
    probe.certified(1, Verdict.UNKNOWN)
    probe.wait(3 * DELTA_MS - 1)
    assert not probe.votes()
    probe.wait(1)
    assert probe.votes() == [nullify(1)]


def test_a_leader_that_was_silent_for_long_is_given_up_as_soon_as_its_view_is_owed() -> None:
    probe = Probe(me=1)
    for view in range(1, 13):
        probe.work()
        probe.wait(10_000)
        for signer in (2, 3):
            probe.hear(signer, nullify(view))
    assert probe.committee.leader(13) == 0
    assert probe.votes()[-1] == nullify(13)  # A heartbeat is due since long.


def test_a_nullify_is_repeated_with_the_certificate_that_led_to_its_view() -> None:
    probe = Probe(me=1)
    probe.show(nullify(4))
    probe.work()
    probe.wait(2 * DELTA_MS)
    assert probe.votes() == [nullify(5)]
    probe.clear()
    probe.hear(2, nullify(5))
    probe.wait(4 * DELTA_MS)  # Δ has doubled, since this node gave a view up.
    assert nullify(5) in probe.votes()
    assert [nullify(4) in probe.told(member) for member in (0, 2, 3)] == [True, False, True]


def test_a_leader_whose_application_is_slow_gives_itself_two_deltas() -> None:
    probe = Probe(me=0)
    probe.wait(TIMING.heartbeat_ms + 10_000)  # The process was suspended.
    assert probe.of(Propose)
    assert not probe.votes()
    probe.wait(2 * DELTA_MS)
    assert probe.votes() == [nullify(1)]


# Rule 10 ------------------------------------------------------------------------------------


def test_everything_above_the_floor_is_sent_again_at_standstill() -> None:
    probe = Probe(me=1)
    probe.show(finalize(1))
    probe.advance(2)
    probe.hear(2, notarize(3))
    probe.verified(3)
    probe.clear()
    probe.wait(5 * DELTA_MS)
    assert {finalize(1), notarize(2)} <= set(probe.certificates())
    assert {finalize(2), notarize(3)} <= set(probe.votes())


def test_a_leader_sends_its_block_again_with_its_vote() -> None:
    probe = Probe(me=0)
    probe.work()
    probe.built(1)
    probe.clear()
    probe.wait(5 * DELTA_MS)
    assert [e.vote.statement for e in probe.of(BroadcastProposal)] == [notarize(1)]


def test_what_a_certificate_that_is_sent_again_says_is_not_said_by_votes_as_well() -> None:
    probe = Probe(me=0)
    probe.work()
    probe.built(1)
    probe.hear(2, notarize(1))
    probe.hear(3, notarize(1))
    probe.clear()
    probe.wait(5 * DELTA_MS)
    assert notarize(1) in probe.certificates()
    assert notarize(1) not in probe.votes()
    assert finalize(1) in probe.votes()


def test_the_block_of_a_view_that_was_left_is_not_sent_again_unasked() -> None:
    probe = Probe(me=0)
    probe.work()
    probe.built(1)
    probe.show(nullify(1))
    probe.clear()
    probe.wait(5 * DELTA_MS)
    assert notarize(1) in probe.votes()
    assert not probe.of(BroadcastProposal)


def test_nothing_is_sent_again_when_everything_is_final() -> None:
    probe = Probe(me=1)
    probe.show(finalize(1))
    probe.clear()
    probe.wait(5 * DELTA_MS)
    assert not probe.of(Broadcast)


# Rule 11 ------------------------------------------------------------------------------------


def give_up(probe: Probe) -> int:
    """Return how long the core waits for a proposal of its current view."""
    probe.work()
    start, view = probe.now, probe.core.view
    while nullify(view) not in probe.votes():
        probe.wait(10)
    probe.show(nullify(view))
    return probe.now - start


def test_timeouts_grow_with_views_given_up_to_a_cap_and_shrink_with_finality() -> None:
    probe = Probe(me=3, size=7)
    waits = [give_up(probe) for _ in range(3)]
    assert waits == [2 * DELTA_MS, 4 * DELTA_MS, 8 * DELTA_MS]
    probe.show(finalize(4, parent_view=0))
    assert give_up(probe) == 8 * DELTA_MS  # One step down from 16 Δ, and up again.
    for _ in range(5):
        give_up(probe)
    assert give_up(probe) == 2 * DELTA_MS_CAP


def test_views_that_others_nullify_while_the_chain_is_quiet_do_not_grow_timeouts() -> None:
    probe = Probe(me=3, size=7)
    for view in range(1, 9):
        probe.show(nullify(view))
    assert give_up(probe) == 2 * DELTA_MS


# Quiet chains -------------------------------------------------------------------------------


def test_a_quiet_chain_waits_for_the_heartbeat() -> None:
    probe = Probe(me=1)
    probe.wait(TIMING.heartbeat_ms + 2 * DELTA_MS - 1)
    assert not probe.votes()
    probe.wait(1)
    assert probe.votes() == [nullify(1)]


def test_the_leader_of_a_quiet_chain_proposes_at_the_heartbeat() -> None:
    probe = Probe(me=0)
    probe.wait(TIMING.heartbeat_ms - 1)
    assert not probe.of(Propose)
    probe.wait(1)
    assert len(probe.of(Propose)) == 1


def test_the_leader_of_a_quiet_chain_proposes_as_soon_as_work_appears() -> None:
    probe = Probe(me=0)
    probe.work()
    assert len(probe.of(Propose)) == 1


def test_an_unfinal_parent_is_work_after_finality_had_its_time() -> None:
    probe = Probe(me=1)  # Leads view 2.
    probe.advance(1)
    probe.wait(2 * DELTA_MS - 1)
    assert not probe.of(Propose)
    probe.wait(1)
    assert len(probe.of(Propose)) == 1


def test_a_leader_whose_timeouts_grew_proposes_when_others_wait_for_it() -> None:
    probe = Probe(me=3)  # Leads view 4.
    probe.work()
    probe.wait(2 * DELTA_MS)  # Gives view 1 up.
    probe.show(nullify(1))
    probe.show(nullify(2))
    probe.show(notarize(3, 0))
    probe.certified(3)
    probe.wait(2 * DELTA_MS)
    assert [proposal.view for proposal in probe.of(Propose)] == [4]


def test_a_parent_that_becomes_final_is_no_work() -> None:
    probe = Probe(me=1)
    probe.advance(1)
    probe.show(finalize(1))
    probe.wait(4 * DELTA_MS)
    assert not probe.of(Propose)


def test_a_timer_is_always_set_ahead_of_now() -> None:
    probe = Probe(me=1)
    for _ in range(50):
        probe.wait(97)
        for timer in probe.of(SetTimer):
            assert timer.at_ms is not None
        last = probe.of(SetTimer)[-1].at_ms
        assert last is not None
        assert last > probe.now


@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_network_makes_heartbeats_only(seed: int) -> None:
    network = Network(4, seed, busy=False)
    network.start()
    network.run_until(60_000)
    assert 5 <= network.final_height() <= 6
    assert not any("Nullify" in kinds for kinds in network.judge.certified.values())


def test_a_dead_leader_of_a_quiet_network_costs_two_deltas_and_not_a_heartbeat() -> None:
    network = Network(4, seed=3, busy=False)
    network.byzantine.add(0)  # Leads view 1, and is silent.
    network.start()
    network.run_until(3_000)
    network.busy = True
    network.bring_work()
    network.run_until(3_000 + 5 * DELTA_MS, lambda: network.final_height() >= 1)
    assert network.final_height() >= 1
