"""What arrives from others: forged, repeated, contradicting, too early, too late, or our own."""

import pytest
from msgspec.structs import replace

from consensus import (
    Certificate,
    CertificateReceived,
    CertificatesRequested,
    FetchCertificates,
    ReportEvidence,
    ReportFault,
    Send,
    Statement,
    StopSigning,
    Vote,
    VoteReceived,
)
from consensus.effects import FETCH_VIEWS_MAX
from consensus.intake import VOTED_VIEWS_MAX
from tests.consensus.probe import (
    DELTA_MS,
    Probe,
    certificate,
    finalize,
    notarize,
    nullify,
)
from tests.consensus.sound_fakes import vote_of


def faults(probe: Probe) -> list[str]:
    return [fault.code for fault in probe.of(ReportFault)]


def test_a_forged_vote_is_reported_and_does_not_count() -> None:
    probe = Probe(me=1)
    forged = replace(vote_of(2, notarize(1)), signer=3)
    probe.feed(VoteReceived(probe.now, forged, 3))
    assert faults(probe) == ["VOTE_FORGED"]
    probe.hear(0, notarize(1))
    probe.hear(2, notarize(1))
    assert not probe.holds(notarize(1))


def test_a_repeated_vote_counts_once() -> None:
    probe = Probe(me=1)
    for _ in range(3):
        probe.hear(0, notarize(1))
        probe.hear(2, notarize(1))
    assert not probe.holds(notarize(1))


def test_a_copy_with_another_signature_does_not_displace_the_checked_vote() -> None:
    probe = Probe(me=1)
    probe.hear(2, notarize(1))
    copy = replace(vote_of(2, notarize(1)), signature=bytes(64))
    probe.feed(VoteReceived(probe.now, copy, 2))
    probe.hear(0, notarize(1))
    probe.hear(3, notarize(1))
    assert probe.holds(notarize(1))
    assert not faults(probe)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (replace(nullify(1), epoch=1), "EPOCH_WRONG"),
        (replace(notarize(1), epoch=1), "EPOCH_WRONG"),
        (replace(notarize(1), parent_view=1), "PARENT_VIEW_INVALID"),
        (replace(finalize(2), parent_view=5), "PARENT_VIEW_INVALID"),
    ],
)
def test_a_statement_that_no_honest_member_signs_is_reported(
    statement: Statement, code: str
) -> None:
    probe = Probe(me=1)
    probe.hear(2, statement)
    assert faults(probe) == [code]


def test_a_vote_of_nobody_is_reported() -> None:
    probe = Probe(me=1)
    probe.hear(7, notarize(1))
    assert faults(probe) == ["SIGNER_UNKNOWN"]


def test_votes_beyond_the_next_view_are_ignored_and_not_kept() -> None:
    probe = Probe(me=1)
    probe.hear(2, nullify(3))
    assert not probe.journal
    assert not faults(probe)
    probe.hear(2, nullify(2))
    assert len(probe.journal) == 1


def broken_certificates() -> list[tuple[Certificate, str]]:
    good = certificate(notarize(1), (0, 2, 3))
    first, second, third = good.entries
    return [
        (replace(good, entries=(first, second)), "QUORUM_MISSING"),
        (replace(good, entries=(first, second, second)), "SIGNERS_NOT_DISTINCT"),
        (replace(good, entries=(third, second, first)), "SIGNERS_NOT_DISTINCT"),
        (replace(good, entries=(first, second, replace(third, signer=1))), "SIGNERS_NOT_DISTINCT"),
        (replace(good, entries=(first, second, replace(third, signer=4))), "SIGNER_UNKNOWN"),
        (replace(good, statement=notarize(1, branch=1)), "VOTE_FORGED"),
        (replace(good, statement=finalize(1)), "VOTE_FORGED"),
        (replace(good, statement=replace(notarize(1), epoch=3)), "EPOCH_WRONG"),
    ]


@pytest.mark.parametrize("case", broken_certificates(), ids=lambda case: case[1])
def test_a_certificate_that_proves_nothing_is_reported(case: tuple[Certificate, str]) -> None:
    broken, code = case
    probe = Probe(me=1)
    probe.feed(CertificateReceived(probe.now, broken, 2))
    assert faults(probe) == [code]
    assert probe.core.view == 1
    assert not probe.journal


# Rule 9 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (notarize(1), notarize(1, branch=1)),
        (finalize(1), finalize(1, branch=1)),
        (nullify(1), finalize(1)),
        (finalize(1), nullify(1)),
    ],
)
def test_contradicting_votes_are_evidence_that_anybody_can_check(
    first: Statement, second: Statement
) -> None:
    probe = Probe(me=1)
    probe.hear(2, first)
    probe.hear(2, second)
    probe.hear(2, second)
    (report,) = probe.of(ReportEvidence)
    assert probe.committee.check_evidence(report.evidence)


def test_notarize_and_nullify_are_no_evidence() -> None:
    probe = Probe(me=1)
    probe.hear(2, notarize(1))
    probe.hear(2, nullify(1))
    assert not probe.of(ReportEvidence)


def test_a_leader_known_to_contradict_itself_is_still_seen_to_propose_twice() -> None:
    probe = Probe(me=1)
    probe.hear(0, finalize(1, branch=2))
    probe.hear(0, nullify(1))
    assert len(probe.of(ReportEvidence)) == 1
    probe.clear()
    probe = Probe(me=1, records=probe.journal)  # Its nullify would otherwise end the view at once.
    probe.hear(0, notarize(1))
    probe.hear(0, notarize(1, branch=1))
    probe.verified(1)
    assert notarize(1) not in probe.votes()


def test_members_that_signed_two_certificates_that_exclude_each_other_are_reported() -> None:
    probe = Probe(me=1)
    probe.show(notarize(1))
    probe.show(notarize(1, branch=1))
    reports = [report.evidence for report in probe.of(ReportEvidence)]
    assert [evidence.first.signer for evidence in reports] == [0, 2, 3]
    assert all(probe.committee.check_evidence(evidence) for evidence in reports)


@pytest.mark.parametrize(
    "other", [finalize(1, branch=1), notarize(1, branch=1), nullify(1)], ids=lambda s: s.kind.name
)
def test_a_certificate_that_excludes_the_newest_final_block_stops_signing(other: Statement) -> None:
    probe = Probe(me=1)
    probe.advance(1)
    probe.show(finalize(1))
    assert probe.core.floor.view == 1, "the view is left, and its votes are forgotten"
    for known in (notarize(1), finalize(1)):
        probe.show(known)
    forged = replace(certificate(other, (0, 2, 3)), statement=finalize(1, branch=2))
    probe.feed(CertificateReceived(probe.now, forged, 2))
    assert not probe.of(StopSigning)
    assert faults(probe) == ["VOTE_FORGED"]
    probe.show(other)
    assert len(probe.of(StopSigning)) == 1
    probe.work()
    assert not any(statement.view > 1 for statement in probe.votes())


def test_a_vote_that_contradicts_one_in_a_certificate_is_evidence() -> None:
    probe = Probe(me=1)
    probe.show(nullify(1))
    probe.hear(2, finalize(1))
    assert len(probe.of(ReportEvidence)) == 1


def test_a_contradicting_vote_does_not_count() -> None:
    probe = Probe(me=1)
    probe.hear(2, notarize(1))
    probe.hear(2, notarize(1, branch=1))
    probe.hear(0, notarize(1, branch=1))
    probe.hear(3, notarize(1, branch=1))
    assert not probe.holds(notarize(1, branch=1))


# E10 ----------------------------------------------------------------------------------------


def test_an_own_vote_that_is_not_remembered_stops_signing() -> None:
    probe = Probe(me=1)
    probe.feed(VoteReceived(probe.now, vote_of(1, nullify(7)), 2))
    assert len(probe.of(StopSigning)) == 1
    probe.work()
    probe.wait(10 * DELTA_MS)
    assert not probe.votes()


def test_an_own_vote_inside_a_certificate_that_is_not_remembered_stops_signing() -> None:
    probe = Probe(me=1)
    probe.show(nullify(7), (1, 2, 3))
    assert len(probe.of(StopSigning)) == 1
    assert probe.core.view == 8, "it keeps following"


def test_a_forged_own_vote_stops_nobody() -> None:
    probe = Probe(me=1)
    forged = Vote(nullify(7), 1, bytes(64))
    probe.feed(VoteReceived(probe.now, forged, 2))
    assert not probe.of(StopSigning)
    assert faults(probe) == ["VOTE_FORGED"]


def test_an_own_vote_that_is_remembered_is_nothing_new() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.verified(1)
    probe.feed(VoteReceived(probe.now, vote_of(1, notarize(1)), 2))
    probe.show(notarize(1), (0, 1, 2))
    assert not probe.of(StopSigning)


# More than f faulty ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (notarize(1), notarize(1, branch=1)),
        (nullify(1), finalize(1)),
        (notarize(1), finalize(1, branch=1)),
    ],
)
def test_quorums_that_exclude_each_other_stop_signing(first: Statement, second: Statement) -> None:
    probe = Probe(me=1)
    probe.show(first)
    probe.show(second)
    assert len(probe.of(StopSigning)) == 1


# What a flood costs ---------------------------------------------------------------------------


def test_what_is_wrong_with_the_form_of_a_certificate_costs_no_signature() -> None:
    for broken, code in broken_certificates():
        probe = Probe(me=1)
        probe.feed(CertificateReceived(probe.now, broken, 2))
        assert code == "VOTE_FORGED" or not probe.checked


def test_votes_that_were_verified_are_not_verified_again_in_a_certificate() -> None:
    probe = Probe(me=1)
    probe.hear(2, notarize(1))
    probe.hear(3, notarize(1))
    assert len(probe.checked) == 2
    probe.show(notarize(1))
    assert len(probe.checked) == 3


def test_votes_that_came_in_a_certificate_are_not_verified_again() -> None:
    probe = Probe(me=1)
    probe.show(notarize(1))
    assert len(probe.checked) == 3
    for signer in (0, 2, 3):
        probe.hear(signer, notarize(1))
    probe.show(notarize(1), (0, 2, 3))
    assert len(probe.checked) == 3


def test_a_member_that_contradicts_itself_over_and_over_costs_a_few_signatures() -> None:
    probe = Probe(me=1)
    for branch in range(50):
        probe.hear(2, notarize(1, branch=branch))
        probe.hear(2, finalize(1, branch=branch))
    assert len(probe.checked) == 3
    assert len(probe.journal) == 3


def test_votes_for_views_that_were_left_long_ago_are_ignored_and_not_kept() -> None:
    probe = Probe(me=1)
    probe.show(nullify(5_000))
    probe.hear(2, nullify(5_001 - VOTED_VIEWS_MAX))
    assert len(probe.journal) == 1
    probe.hear(2, nullify(5_002 - VOTED_VIEWS_MAX))
    assert len(probe.journal) == 2


def test_a_core_that_is_far_behind_asks_for_a_bounded_number_of_views_at_once() -> None:
    probe = Probe(me=1)
    probe.show(nullify(1_000_000))
    (fetch,) = probe.of(FetchCertificates)
    assert fetch.views == tuple(range(1, FETCH_VIEWS_MAX + 1))


def test_what_blocks_a_proposal_is_asked_for_before_what_is_only_missing() -> None:
    probe = Probe(me=0)
    probe.show(nullify(198))
    probe.clear()
    probe.hear(2, notarize(199, parent_view=150))
    asked = [view for fetch in probe.of(FetchCertificates) for view in fetch.views]
    assert set(range(150, 198)) <= set(asked)


def test_a_member_that_asks_without_end_gets_a_bounded_answer() -> None:
    probe = Probe(me=1)
    probe.show(nullify(1))
    for _ in range(1_000):
        probe.feed(CertificatesRequested(probe.now, (1,) * FETCH_VIEWS_MAX, 2))
    assert len(probe.of(Send)) <= 4
    probe.clear()
    probe.feed(CertificatesRequested(probe.now, (1,), 3))
    probe.wait(2 * DELTA_MS)
    probe.feed(CertificatesRequested(probe.now, (1,), 2))
    assert [sent.member for sent in probe.of(Send)] == [3, 2]


# Catch-up -----------------------------------------------------------------------------------


def test_who_speaks_of_what_is_final_is_told_so_but_not_for_every_message() -> None:
    probe = Probe(me=1)
    probe.show(finalize(5))
    probe.clear()
    for _ in range(10):
        probe.hear(2, nullify(3))
    (sent,) = probe.of(Send)
    assert (sent.member, sent.message.statement) == (2, finalize(5))
    probe.wait(2 * DELTA_MS)
    probe.show(notarize(2), (0, 2, 3))
    assert len(probe.of(Send)) == 2


def test_who_finalizes_what_is_final_is_late_and_not_behind() -> None:
    probe = Probe(me=1)
    probe.show(finalize(5))
    probe.clear()
    probe.hear(2, finalize(5))
    probe.show(notarize(5, 4), (0, 2, 3))
    assert not probe.of(Send)
    probe.hear(2, notarize(5, 4))
    assert probe.told(2) == [finalize(5)]


def test_a_request_is_answered_with_everything_that_is_held() -> None:
    probe = Probe(me=1)
    probe.show(finalize(5))
    probe.show(notarize(6))
    probe.show(nullify(6))
    probe.clear()
    probe.feed(CertificatesRequested(probe.now, (2, 3, 6, 7), 2))
    assert {sent.message.statement for sent in probe.of(Send)} == {
        finalize(5),
        notarize(6),
        nullify(6),
    }
    assert len(probe.of(Send)) == 3
