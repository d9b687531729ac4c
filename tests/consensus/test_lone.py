"""A committee of one: a block is proposed, notarized, certified and final in one pass."""

from consensus import (
    AwaitWork,
    BlockRef,
    BroadcastProposal,
    Commit,
    Persist,
    Propose,
)
from tests.consensus.probe import Probe, block_id, finalize, notarize, nullify
from tests.consensus.small_network import TIMING
from tests.consensus.sound_fakes import BOUNDARY


def test_a_block_is_final_after_one_batch_of_records() -> None:
    probe = Probe(me=0, size=1)
    probe.work()
    assert probe.of(Propose) == [Propose(1, BOUNDARY, empty=False)]
    probe.clear()
    effects = probe.built(1)
    (persist,) = probe.of(Persist)
    assert effects[0] is persist
    assert persist.blocks == (BlockRef(1, block_id(1)),)
    kinds = [type(effect) for effect in effects]
    assert kinds.index(BroadcastProposal) < kinds.index(Commit)
    assert probe.votes() == [notarize(1), finalize(1)]
    assert probe.core.view == 2
    (watch,) = probe.of(AwaitWork)
    assert (watch.view, watch.parent, watch.leading) == (2, BlockRef(1, block_id(1)), True)


def test_a_quiet_chain_makes_a_heartbeat() -> None:
    probe = Probe(me=0, size=1)
    probe.work()
    probe.built(1)
    probe.clear()
    probe.wait(TIMING.heartbeat_ms - 1)
    assert not probe.of(Propose)
    probe.wait(1)
    assert [proposal.view for proposal in probe.of(Propose)] == [2]


def test_a_block_that_takes_too_long_costs_a_view_and_nothing_else() -> None:
    probe = Probe(me=0, size=1)
    probe.work()
    probe.wait(5_000)
    assert set(probe.votes()) == {nullify(1)}
    assert probe.core.view == 2
    probe.built(1)
    assert set(probe.votes()) == {nullify(1)}
    probe.work()
    probe.built(2)
    assert probe.core.floor == BlockRef(2, block_id(2))


def test_a_follower_of_a_lone_validator_only_follows() -> None:
    probe = Probe(me=None, size=1)
    probe.hear(0, notarize(1))
    probe.certified(1)
    probe.hear(0, finalize(1))
    assert probe.core.floor == BlockRef(1, block_id(1))
    probe.wait(100_000)
    assert not probe.votes()
    assert not probe.of(Propose)
