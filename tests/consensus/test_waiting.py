"""What a core says that it waits for: an operator reads it when nothing becomes final."""

from consensus import Awaited, BlockDeclined, Verdict
from tests.consensus.probe import DELTA_MS, Probe, block_id, finalize, notarize, nullify
from tests.consensus.small_network import TIMING


def test_a_quiet_chain_waits_for_work_and_accuses_nobody_of_a_missing_vote() -> None:
    waiting = Probe(me=1).core.waiting()
    assert waiting.awaited is Awaited.WORK
    assert (waiting.view, waiting.leader, waiting.votes) == (1, 0, 0)
    assert waiting.heard_ms == {}


def test_a_view_that_is_owed_a_block_waits_for_its_leader() -> None:
    probe = Probe(me=1)
    probe.wait(50)
    probe.work()
    probe.wait(100)
    waiting = probe.core.waiting()
    assert (waiting.awaited, waiting.leader) == (Awaited.PROPOSAL, 0)
    assert probe.now - waiting.since_ms == 100


def test_a_proposal_whose_block_is_not_here_is_named() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.verified(1, Verdict.UNKNOWN)
    waiting = probe.core.waiting()
    assert (waiting.awaited, waiting.blocks) == (Awaited.BLOCK, (block_id(1),))


def test_a_notarized_block_that_is_not_here_is_named() -> None:
    probe = Probe(me=1)
    probe.show(notarize(1))
    probe.certified(1, Verdict.UNKNOWN)
    probe.show(nullify(1))
    waiting = probe.core.waiting()
    assert (waiting.view, waiting.blocks) == (2, (block_id(1),))


def test_certificates_that_a_proposal_is_based_on_are_named() -> None:
    probe = Probe(me=0)
    probe.advance(1)
    probe.show(nullify(3))
    probe.hear(3, notarize(4, parent_view=1))
    waiting = probe.core.waiting()
    assert (waiting.awaited, waiting.certificates) == (Awaited.CERTIFICATES, (2,))


def test_members_that_did_not_notarize_are_named() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.verified(1)
    waiting = probe.core.waiting()
    assert waiting.awaited is Awaited.NOTARIZES
    assert (waiting.votes, waiting.quorum, waiting.absent) == (2, 3, (2, 3))
    assert waiting.heard_ms == {0: probe.now}


def test_members_that_did_not_give_the_view_up_are_named() -> None:
    probe = Probe(me=0)
    probe.work()
    probe.feed(BlockDeclined(probe.now, 1))
    probe.wait(10)
    probe.hear(3, nullify(1))
    waiting = probe.core.waiting()
    assert waiting.awaited is Awaited.NULLIFIES
    assert (waiting.votes, waiting.absent) == (2, (1, 2))


def test_it_is_known_since_when_nothing_became_final() -> None:
    probe = Probe(me=1)
    start = probe.now
    probe.wait(TIMING.heartbeat_ms)
    assert probe.core.waiting().final_ms == start
    probe.show(finalize(1))
    assert probe.core.waiting().final_ms == probe.now
    probe.wait(10 * DELTA_MS)
    assert probe.core.waiting().final_ms == probe.now - 10 * DELTA_MS


def test_a_closed_epoch_waits_for_the_next() -> None:
    probe = Probe(me=1)
    probe.show(notarize(1))
    probe.certified(1, ends_epoch=True)
    probe.show(finalize(1))
    assert probe.core.waiting().awaited is Awaited.NEXT_EPOCH
