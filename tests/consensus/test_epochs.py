"""The end of an epoch: its last block is proposed again until it is final itself."""

from consensus import (
    Commit,
    Core,
    Finalize,
    Notarize,
    Propose,
    Started,
    StopSigning,
    Verify,
)
from tests.consensus.probe import DELTA_MS, Probe, block_id, finalize, notarize, nullify
from tests.consensus.small_network import TIMING
from tests.consensus.sound_fakes import BOUNDARY, FakeKey

AGAIN = Notarize(0, 2, 1, block_id(1))
"""The last block, first proposed in view 1, proposed in view 2."""


def with_last_block(me: int) -> Probe:
    """A core that certified the epoch's last block in view 1."""
    probe = Probe(me=me)
    probe.show(notarize(1))
    probe.certified(1, ends_epoch=True)
    return probe


def test_the_leader_proposes_the_last_block_again_and_builds_nothing() -> None:
    probe = with_last_block(me=1)
    probe.wait(2 * DELTA_MS)
    assert not probe.of(Propose)
    assert AGAIN in probe.votes()


def test_others_vote_for_the_same_block_again_without_asking_the_application() -> None:
    probe = with_last_block(me=0)
    probe.hear(1, AGAIN)
    assert not probe.of(Verify)
    assert AGAIN in probe.votes()


def test_nobody_votes_for_a_block_beyond_the_last() -> None:
    probe = with_last_block(me=0)
    probe.hear(1, notarize(2))
    assert not probe.of(Verify)
    assert nullify(2) in probe.votes()


def test_the_last_block_becomes_final_in_a_later_view() -> None:
    probe = with_last_block(me=0)
    probe.hear(1, AGAIN)
    probe.show(AGAIN)
    final = Finalize(0, 2, 1, block_id(1))
    assert final in probe.votes()
    probe.show(final)
    assert [commit.certificate.statement for commit in probe.of(Commit)] == [final]


def test_nothing_happens_once_the_last_block_is_final() -> None:
    probe = with_last_block(me=1)
    probe.show(finalize(1))
    assert probe.of(Commit)
    probe.clear()
    probe.work()
    probe.wait(100_000)
    assert not probe.votes()
    assert not probe.of(Propose)


def test_a_restart_knows_which_kept_block_is_the_last() -> None:
    before = with_last_block(me=1)
    probe = Probe(me=1, records=before.journal, ends_epoch=[block_id(1)])
    probe.wait(2 * DELTA_MS)
    assert not probe.of(Propose)
    assert AGAIN in probe.votes()


class LastVote(FakeKey):
    """A key with whose second vote signing ends, in the middle of a turn."""

    core: Core
    votes = 0

    def sign(self, message: bytes) -> bytes:
        self.votes += 1
        if self.votes == 2:
            self.core._state.stop_signing("no more")
        return super().sign(message)


def test_nothing_is_nullified_or_repeated_once_signing_stopped_in_the_same_turn() -> None:
    probe, key = Probe(me=2), LastVote(2)
    probe.core = key.core = Core(probe.committee, key, TIMING)
    probe.feed(Started(probe.now, BOUNDARY, None, (), frozenset()))
    probe.hear(1, AGAIN)
    probe.hear(1, nullify(2))
    probe.show(notarize(1))
    probe.clear()
    probe.certified(1, ends_epoch=True)
    assert len(probe.of(StopSigning)) == 1
    assert AGAIN in probe.votes()
    probe.wait(2 * DELTA_MS)
    probe.wait(2 * DELTA_MS)
    assert nullify(2) not in probe.votes()
