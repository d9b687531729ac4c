"""The rules of `consensus.core`, one by one: member 0 of four, everybody else by hand."""

from consensus import (
    BlockArrived,
    BlockDeclined,
    BlockRef,
    Certify,
    Commit,
    FetchCertificates,
    Propose,
    Verdict,
    Verify,
)
from tests.consensus.probe import (
    DELTA_MS,
    Probe,
    block_id,
    certificate,
    finalize,
    notarize,
    nullify,
)
from tests.consensus.sound_fakes import BOUNDARY

# Rule 1: entering views ---------------------------------------------------------------------


def test_a_nullification_leads_to_the_next_view() -> None:
    probe = Probe()
    probe.show(nullify(1))
    assert probe.core.view == 2


def test_a_finalization_leads_to_the_next_view() -> None:
    probe = Probe()
    probe.show(finalize(1))
    assert probe.core.view == 2
    assert probe.core.floor == BlockRef(1, block_id(1))


def test_a_notarization_leads_on_only_once_its_block_is_certified_here() -> None:
    probe = Probe()
    probe.show(notarize(1))
    assert probe.core.view == 1
    probe.certified(1)
    assert probe.core.view == 2


def test_certificates_of_higher_views_let_a_node_jump() -> None:
    probe = Probe()
    probe.show(nullify(6))
    assert probe.core.view == 7
    probe.show(finalize(20))
    assert probe.core.view == 21


def test_older_certificates_do_not_lead_back() -> None:
    probe = Probe()
    probe.show(nullify(6))
    probe.show(nullify(3))
    assert probe.core.view == 7


# Rule 2: the leader's parent ----------------------------------------------------------------


def test_the_leader_builds_on_the_boundary_block_first() -> None:
    probe = Probe()
    probe.work()
    assert probe.of(Propose) == [Propose(1, BOUNDARY, empty=False)]


def test_the_leader_builds_on_the_highest_certified_block_over_nullified_views() -> None:
    probe = Probe(me=3)  # Leads view 4.
    probe.advance(1)
    probe.show(nullify(2))
    probe.show(nullify(3))
    probe.work()
    assert probe.of(Propose) == [Propose(4, BlockRef(1, block_id(1)), empty=False)]


def test_the_leader_fetches_a_missing_nullification_before_it_builds() -> None:
    probe = Probe(me=3)
    probe.advance(1)
    probe.show(nullify(3))  # A jump over view 2.
    probe.work()
    assert not probe.of(Propose)
    assert probe.of(FetchCertificates)[-1].views == (2,)
    probe.show(nullify(2))
    assert [proposal.parent.view for proposal in probe.of(Propose)] == [1]


def test_a_block_is_asked_for_once_and_proposed_on_the_parent_that_was_named() -> None:
    probe = Probe(me=2)  # Leads view 3.
    probe.show(nullify(1))
    probe.show(nullify(2))
    probe.work()
    probe.show(notarize(2, 0))  # Certified late: the highest certified block is another one now.
    probe.certified(2)
    probe.wait(1)
    assert len(probe.of(Propose)) == 1
    probe.built(3)
    assert notarize(3, parent_view=0) in probe.votes()


def test_an_application_that_declines_makes_the_leader_nullify() -> None:
    probe = Probe()
    probe.work()
    probe.feed(BlockDeclined(probe.now, 1))
    assert probe.votes() == [nullify(1)]


def test_a_block_that_comes_after_the_view_was_given_up_is_dropped() -> None:
    probe = Probe()
    probe.work()
    probe.feed(BlockDeclined(probe.now, 1))
    probe.built(1)
    assert probe.votes() == [nullify(1)]


# Rule 3: judging proposals ------------------------------------------------------------------


def test_a_proposal_is_verified_and_notarized() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    assert probe.of(Verify) == [Verify(notarize(1), BOUNDARY)]
    assert not probe.votes()
    probe.verified(1)
    assert probe.votes() == [notarize(1)]


def test_an_invalid_proposal_is_nullified() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.verified(1, Verdict.INVALID)
    assert probe.votes() == [nullify(1)]


def test_an_unknown_verdict_is_asked_again_later_and_when_a_block_arrives() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.verified(1, Verdict.UNKNOWN)
    assert len(probe.of(Verify)) == 1
    probe.feed(BlockArrived(probe.now, block_id(1)))
    assert len(probe.of(Verify)) == 2
    probe.verified(1, Verdict.UNKNOWN)
    probe.wait(DELTA_MS // 4)
    assert len(probe.of(Verify)) == 3
    assert not probe.votes()


def test_a_proposal_below_the_last_final_block_is_invalid() -> None:
    probe = Probe(me=3)
    probe.show(finalize(5))
    probe.hear(1, notarize(6, parent_view=4))
    assert probe.votes() == [nullify(6)]
    assert not probe.of(Verify)


def test_a_proposal_waits_for_the_nullification_of_every_skipped_view() -> None:
    probe = Probe(me=0)
    probe.advance(1)
    probe.show(nullify(3))
    probe.clear()
    probe.hear(3, notarize(4, parent_view=1))
    assert not probe.of(Verify)
    probe.wait(2 * DELTA_MS)
    assert 2 in probe.of(FetchCertificates)[0].views
    probe.show(nullify(2))
    assert probe.of(Verify) == [Verify(notarize(4, 1), BlockRef(1, block_id(1)))]


def test_a_proposal_on_a_certified_view_still_needs_the_views_between_to_be_nullified() -> None:
    """The block of view 2 is certified here, but view 4's leader skips it without a proof."""
    probe = Probe(me=0)
    probe.advance(1)
    probe.advance(2)
    probe.show(nullify(3))
    probe.clear()
    probe.hear(3, notarize(4, parent_view=1))
    assert not probe.of(Verify)
    assert FetchCertificates((2,), ask=3) in probe.of(FetchCertificates)
    probe.show(nullify(2))
    assert len(probe.of(Verify)) == 1


def test_a_proposal_waits_for_its_parent_and_asks_the_leader_for_it() -> None:
    probe = Probe(me=0)
    probe.show(nullify(2))
    probe.clear()
    probe.hear(2, notarize(3, parent_view=1))
    assert not probe.of(Verify)
    probe.wait(2 * DELTA_MS)
    assert 1 in probe.of(FetchCertificates)[0].views
    probe.show(notarize(1))
    assert probe.of(Certify)
    assert not probe.of(Verify)
    probe.certified(1)
    assert probe.of(Verify) == [Verify(notarize(3, 1), BlockRef(1, block_id(1)))]


def test_a_notarize_of_a_member_that_does_not_lead_is_no_proposal() -> None:
    probe = Probe(me=1)
    probe.hear(2, notarize(1, branch=7))
    assert not probe.of(Verify)


# Rule 4: notarize ---------------------------------------------------------------------------


def test_nothing_is_notarized_after_the_own_nullify() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.wait(3 * DELTA_MS)
    assert probe.votes() == [nullify(1)]
    probe.clear()
    probe.verified(1)
    assert not probe.votes()


def test_nothing_is_notarized_after_the_leader_equivocated() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.hear(0, notarize(1, branch=1))
    probe.verified(1)
    probe.verified(1, branch=1)
    assert not probe.votes()


def test_a_second_proposal_of_a_view_is_not_notarized_after_the_first() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.verified(1)
    probe.hear(0, notarize(1, branch=1))
    probe.verified(1, branch=1)
    assert probe.votes() == [notarize(1)]


def test_a_verdict_that_comes_after_the_view_was_left_casts_no_vote() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.show(nullify(1))
    probe.clear()
    probe.verified(1)
    assert not probe.votes()


def test_a_proposal_of_the_next_view_waits_until_that_view_is_entered() -> None:
    probe = Probe(me=2)
    probe.hear(1, notarize(2, parent_view=0))
    assert not probe.of(Verify)
    probe.show(nullify(1))
    assert [verify.proposal.view for verify in probe.of(Verify)] == [2]


# Rule 5: notarizations ----------------------------------------------------------------------


def test_a_quorum_of_notarizes_is_a_notarization_and_certified() -> None:
    probe = Probe(me=1)
    for signer in (0, 2, 3):
        probe.hear(signer, notarize(1))
    assert probe.holds(notarize(1))
    assert probe.of(Certify) == [Certify(notarize(1))]
    probe.certified(1)
    assert probe.votes() == [finalize(1)]


def test_two_votes_of_four_are_no_quorum() -> None:
    probe = Probe(me=1)
    for signer in (0, 2):
        probe.hear(signer, notarize(1))
    assert not probe.holds(notarize(1))


def test_a_block_that_was_verified_here_needs_no_second_question() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.verified(1)
    probe.hear(2, notarize(1))
    assert not probe.of(Certify)
    assert probe.votes() == [notarize(1), finalize(1)]
    assert probe.core.view == 2


def test_a_node_that_nullified_a_view_does_not_finalize_in_it() -> None:
    probe = Probe(me=1)
    probe.work()
    probe.wait(2 * DELTA_MS)
    assert probe.votes() == [nullify(1)]
    probe.advance(1)
    assert probe.votes() == [nullify(1)]
    assert probe.core.view == 2


def test_a_nullification_does_not_cancel_certification() -> None:
    probe = Probe(me=1)
    probe.show(notarize(1))
    probe.show(nullify(1))
    assert probe.core.view == 2
    probe.certified(1)
    assert probe.votes() == [finalize(1)]


def test_a_nullification_does_not_end_the_asking_for_a_verdict() -> None:
    probe = Probe(me=1)
    probe.show(notarize(1))
    probe.certified(1, Verdict.UNKNOWN)
    probe.show(nullify(1))
    probe.feed(BlockArrived(probe.now, block_id(1)))
    assert len(probe.of(Certify)) == 2


def test_a_notarization_that_comes_after_the_nullification_is_certified() -> None:
    probe = Probe(me=1)
    probe.show(nullify(1))
    probe.show(notarize(1))
    assert probe.of(Certify) == [Certify(notarize(1))]


def test_a_finalization_of_a_later_view_makes_certification_pointless() -> None:
    probe = Probe(me=1)
    probe.show(notarize(1))
    probe.show(finalize(2))
    probe.certified(1)
    assert not probe.votes()
    assert probe.core.floor.view == 2


def test_certification_is_asked_again_after_an_unknown_verdict() -> None:
    probe = Probe(me=1)
    probe.show(notarize(1))
    probe.certified(1, Verdict.UNKNOWN)
    probe.wait(DELTA_MS // 4)
    assert len(probe.of(Certify)) == 2


# Rule 7 and 8: finality ---------------------------------------------------------------------


def test_finalize_votes_count_after_the_view_was_left() -> None:
    probe = Probe(me=1)
    probe.advance(1)
    probe.advance(2)
    probe.hear(0, finalize(1))
    probe.hear(2, finalize(1))
    assert [commit.certificate.statement for commit in probe.of(Commit)] == [finalize(1)]
    assert probe.core.floor.view == 1
    assert probe.core.view == 3


def test_a_finalization_of_a_block_that_is_not_here_is_committed_all_the_same() -> None:
    probe = Probe(me=1)
    probe.show(finalize(9))
    assert probe.of(Commit) == [Commit(certificate(finalize(9), (0, 2, 3)))]
    assert probe.core.view == 10


def test_notarize_and_then_nullify_is_allowed() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.verified(1)
    probe.wait(3 * DELTA_MS)
    assert probe.votes() == [notarize(1), nullify(1)]


def test_a_failed_certification_is_nullified() -> None:
    probe = Probe(me=1)
    probe.show(notarize(1))
    probe.certified(1, Verdict.INVALID)
    assert probe.votes() == [nullify(1)]
    assert probe.core.view == 1
