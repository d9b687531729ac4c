"""Bugs that were published of other implementations of Simplex, each as what must not happen here.

Those about disks, epochs and the ledger are scenarios of the simulator (`devnet/simulator`).
"""

import pytest
from msgspec.structs import replace

from consensus import (
    BlockDeclined,
    BlockRef,
    Certify,
    FetchCertificates,
    Propose,
    ReportEvidence,
    StopSigning,
    Verdict,
    Verify,
    VoteReceived,
)
from tests.consensus.model_healing import Calm
from tests.consensus.model_member import World
from tests.consensus.probe import DELTA_MS, Probe, block_id, finalize, notarize, nullify
from tests.consensus.small_network import Network
from tests.consensus.sound_fakes import BOUNDARY, vote_of

HEALING_MS = 20_000


class Four:
    """Four members, each led by hand until the network is calmed."""

    def __init__(self) -> None:
        self.members = [Probe(me=n) for n in range(4)]

    def notarize(self, who: range) -> None:
        """Have the leader of view 1 propose, and others support it; nobody hears them."""
        for member in self.members:
            if member.me == 0:
                member.work()
                member.built(1)
            elif member.me in who:
                member.hear(0, notarize(1))
                member.verified(1)

    def nullify(self, member: Probe) -> None:
        """Have a member give view 1 up; it hears nobody."""
        member.work()
        member.wait(4 * DELTA_MS)
        assert nullify(1) in member.votes()

    def restart(self) -> None:
        """Crash all at once; they remember what they wrote."""
        self.members = [Probe(me=n, records=p.journal) for n, p in enumerate(self.members)]

    def heals(self, but: int | None = None) -> bool:
        """Calm the network, with one member dead if it is named; return whether it goes on."""
        world = World(4, views=100)
        world.parents[block_id(1)] = BOUNDARY
        cores = {n: probe.core for n, probe in enumerate(self.members) if n != but}
        return Calm(world, cores).run(HEALING_MS)


@pytest.mark.parametrize("dead", [None, 0, 1, 3])
def test_crash_of_all_after_nullify_is_journaled_and_before_it_is_sent(dead: int | None) -> None:
    """A node that counts only what arrives does not count its own vote again, and all wait."""
    four = Four()
    for member in four.members:
        member.work()
        if member.me == 0:
            member.feed(BlockDeclined(member.now, 1))
        member.wait(2 * DELTA_MS)
        assert set(member.votes()) == {nullify(1)}
    four.restart()
    assert four.heals(but=dead)


@pytest.mark.parametrize("ahead", [(0, 1), (1, 2), (2, 3), (0,), (3,)])
def test_split_views_where_no_proposal_finds_support(ahead: tuple[int, ...]) -> None:
    """Some certified view 1 and cannot nullify it any more; the others cannot finalize in it.

    Neither side is a quorum, and no proposal of view 2 can be: the others must be given the
    notarization.
    """
    four = Four()
    four.notarize(range(4))
    for member in four.members:
        if member.me in ahead:
            for signer in {0, 1, 2, 3} - {member.me}:
                member.hear(signer, notarize(1))
            assert finalize(1) in member.votes()
        else:
            four.nullify(member)
    assert four.heals()


@pytest.mark.parametrize("certified", [0, 1, 2])
def test_certified_versus_nullified_split_that_must_heal(certified: int) -> None:
    """One member certified view 1, two left it by its nullification; member 3 signed everything.

    All are in view 2 and judge its proposals by parents that the other side does not know.
    """
    four = Four()
    four.notarize(range(2))
    for member in four.members[:3]:
        if member.me == certified:
            member.show(notarize(1), (0, 1, 3) if notarize(1) in member.votes() else None)
            member.certified(1)
        else:
            four.nullify(member)
            for signer in {0, 1, 2, 3} - {member.me, certified}:
                member.hear(signer, nullify(1))
        assert member.core.view == 2
    assert four.heals(but=3)


def test_late_notarization_after_nullify() -> None:
    """It leads on and can be built upon, but this node must not finalize it."""
    probe = Probe(me=1)  # Leads view 2.
    probe.work()
    probe.wait(2 * DELTA_MS)
    assert probe.votes() == [nullify(1)]
    probe.show(notarize(1))
    probe.certified(1)
    assert probe.core.view == 2
    probe.work()
    assert [proposal.parent.view for proposal in probe.of(Propose)] == [1]
    assert finalize(1) not in probe.votes()


def test_certification_given_up_when_the_view_is_nullified() -> None:
    """Others certified the block and build on it; who stopped trying can support none of them."""
    probe = Probe(me=0)
    probe.show(notarize(1))
    probe.certified(1, Verdict.UNKNOWN)
    probe.show(nullify(1))
    probe.hear(1, notarize(2))
    assert not probe.of(Verify)
    probe.wait(DELTA_MS // 4)
    assert len(probe.of(Certify)) == 2
    probe.certified(1)
    assert probe.of(Verify) == [Verify(notarize(2), BlockRef(1, block_id(1)))]


def test_nullify_after_finalize() -> None:
    """Whatever comes later, also after a crash, view 1 is not given up any more."""
    probe = Probe(me=1)
    probe.advance(1)
    assert finalize(1) in probe.votes()
    for again in (probe, Probe(me=1, records=probe.journal)):
        for signer in (0, 2, 3):
            again.hear(signer, nullify(1))
        again.wait(100 * DELTA_MS)
        assert nullify(1) not in again.votes()


@pytest.mark.parametrize("chosen", [0, 1])
def test_equivocating_leader_with_both_notarizations_seen(chosen: int) -> None:
    """The node supports neither, and still follows the one that a quorum chose."""
    probe = Probe(me=1)
    probe.hear(0, notarize(1, branch=0))
    probe.hear(0, notarize(1, branch=1))
    for branch in (0, 1):
        probe.verified(1, branch=branch)
    assert not probe.votes()
    assert len(probe.of(ReportEvidence)) == 1
    probe.show(notarize(1, branch=chosen))
    probe.certified(1, branch=chosen)
    assert probe.votes() == [finalize(1, branch=chosen)]
    assert not probe.of(StopSigning)


def test_restart_that_signs_finalize_for_a_view_already_nullified() -> None:
    """The notarization is in the journal, its verdict is not, and neither may undo the nullify."""
    probe = Probe(me=1)
    probe.show(notarize(1))
    probe.certified(1, Verdict.UNKNOWN)
    probe.wait(3 * DELTA_MS)
    assert probe.votes() == [nullify(1)]
    again = Probe(me=1, records=probe.journal)
    assert again.of(Certify) == [Certify(notarize(1))]
    again.certified(1)
    assert again.core.view == 2
    assert set(again.votes()) == {nullify(1)}


def test_block_accepted_without_the_skipped_views_nullification() -> None:
    """A final block of view 2 could be left out of the chain."""
    probe = Probe(me=0)
    probe.advance(1)
    probe.show(nullify(3))
    probe.hear(3, notarize(4, parent_view=1))
    assert not probe.of(Verify)
    assert 2 in probe.of(FetchCertificates)[0].views
    probe.wait(DELTA_MS)
    assert notarize(4, parent_view=1) not in probe.votes()


def test_a_second_copy_of_a_vote_overwriting_a_verified_one() -> None:
    """The copy's signature is wrong; a certificate with it would convict who made it."""
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.feed(VoteReceived(probe.now, replace(vote_of(0, notarize(1)), signature=bytes(64)), 0))
    probe.hear(2, notarize(1))
    probe.hear(3, notarize(1))
    (held,) = probe.core.certificates([1])
    probe.committee.check_certificate(held)


def test_certificate_bound_to_another_header() -> None:
    """The block that was executed for this view is not the one that is notarized."""
    probe = Probe(me=1)
    probe.hear(0, notarize(1, branch=0))
    probe.verified(1, branch=0)
    probe.show(notarize(1, branch=1), (0, 2, 3))
    assert probe.of(Certify) == [Certify(notarize(1, branch=1))]
    assert probe.core.view == 1
    probe.certified(1, branch=1)
    assert finalize(1, branch=1) in probe.votes()
    assert finalize(1, branch=0) not in probe.votes()


@pytest.mark.parametrize("seed", range(3))
def test_restart_and_fall_100_views_behind(seed: int) -> None:
    """Its votes of long ago, and views that nobody answers for, must not keep it from joining."""
    network = Network(4, seed)
    network.start()
    network.run_until(200)
    sleeper = network.nodes[seed]
    sleeper.crash()
    behind = sleeper.core.view
    others = [node for node in network.nodes if node is not sleeper]
    network.run_until(60_000, lambda: min(node.core.view for node in others) > behind + 100)
    network.cut = {frozenset((sleeper.number, other.number)) for other in others}
    network.restart(sleeper)
    network.run_until(network.now + 2_000)
    network.cut = set()
    others[0].crash()  # The sleeper is needed now.
    goal = max(network.judge.final) + 5
    network.run_until(network.now + 20_000, lambda: max(network.judge.final) >= goal)
    assert max(network.judge.final) >= goal
    assert not sleeper.reported(StopSigning)


def test_restart_and_fall_100_views_behind_with_nullified_views_only() -> None:
    """There is no finalization to jump to: the views between are asked for, a bounded lot each."""
    probe = Probe(me=0)
    probe.advance(1)
    probe.show(nullify(150))
    asked: list[int] = []
    for _ in range(10):
        asked = [view for fetch in probe.of(FetchCertificates) for view in fetch.views]
        probe.clear()
        for view in asked:
            probe.show(nullify(view))
        probe.wait(2 * DELTA_MS)
    assert set(asked) <= {1}, "all but the finality of view 1 is known"
    probe.show(nullify(151))
    probe.hear(3, notarize(152, parent_view=1))
    assert probe.of(Verify) == [Verify(notarize(152, 1), BlockRef(1, block_id(1)))]
