"""What a core remembers: nothing that it said before a crash is contradicted after it."""

from consensus import (
    BlockRef,
    BroadcastProposal,
    CertificateSeen,
    Commit,
    Propose,
    Record,
    ReportEvidence,
    VoteSeen,
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
from tests.consensus.sound_fakes import vote_of


def restarted(probe: Probe, me: int | None = None) -> Probe:
    return Probe(me=probe.me if me is None else me, records=probe.journal)


def test_a_restart_continues_in_the_view_that_its_certificates_lead_to() -> None:
    probe = Probe(me=1)
    probe.advance(1)
    probe.show(nullify(2))
    again = restarted(probe)
    assert again.core.view == 3
    assert again.core.floor.view == 0


def test_a_leader_proposes_its_stored_block_again_and_never_a_new_one() -> None:
    probe = Probe(me=0)
    probe.work()
    probe.built(1)
    again = restarted(probe)
    assert [e.vote.statement for e in again.of(BroadcastProposal)] == [notarize(1)]
    again.work()
    assert not again.of(Propose)


def test_nothing_is_notarized_in_a_view_that_was_nullified_before_the_crash() -> None:
    probe = Probe(me=1)
    probe.work()
    probe.wait(2 * DELTA_MS)
    again = restarted(probe)
    again.hear(0, notarize(1))
    again.verified(1)
    assert set(again.votes()) == {nullify(1)}


def test_nothing_is_finalized_in_a_view_that_was_nullified_before_the_crash() -> None:
    probe = Probe(me=1)
    probe.work()
    probe.wait(2 * DELTA_MS)
    again = restarted(probe)
    again.advance(1)
    assert again.core.view == 2
    assert finalize(1) not in again.votes()


def test_nothing_is_nullified_in_a_view_that_was_finalized_before_the_crash() -> None:
    probe = Probe(me=1)
    probe.advance(1)
    assert probe.votes() == [finalize(1)]
    again = restarted(probe)
    again.hear(2, nullify(1))
    again.hear(3, nullify(1))
    again.wait(100 * DELTA_MS)
    assert nullify(1) not in again.votes()


def test_a_second_proposal_is_not_notarized_after_the_crash() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.verified(1)
    again = restarted(probe)
    again.hear(0, notarize(1, branch=1))
    again.verified(1, branch=1)
    assert notarize(1, branch=1) not in again.votes()


def test_a_nullify_is_repeated_after_the_crash_until_its_view_ends() -> None:
    """All crashed after their nullify was written and before it was sent."""
    probe = Probe(me=1)
    probe.work()
    probe.wait(2 * DELTA_MS)
    again = restarted(probe)
    assert nullify(1) in again.votes()
    again.clear()
    again.wait(2 * DELTA_MS)
    assert nullify(1) in again.votes()
    again.hear(2, nullify(1))
    again.hear(3, nullify(1))
    assert again.core.view == 2


def test_finality_that_the_store_has_not_seen_is_committed_again() -> None:
    probe = Probe(me=1)
    probe.advance(1)
    probe.show(finalize(1))
    again = restarted(probe)
    assert [e.certificate.statement for e in again.of(Commit)] == [finalize(1)]


def test_finality_that_the_store_has_is_not_committed_again() -> None:
    probe = Probe(me=1)
    probe.advance(1)
    probe.show(finalize(1))
    final = BlockRef(1, block_id(1))
    again = Probe(
        me=1,
        records=probe.journal,
        final=final,
        final_certificate=certificate(finalize(1), (0, 2, 3)),
    )
    assert not again.of(Commit)
    assert again.core.view == 2


def test_a_quorum_whose_certificate_was_not_written_is_counted_again() -> None:
    votes = [VoteSeen(vote_of(signer, notarize(1))) for signer in (0, 2, 3)]
    again = Probe(me=1, records=votes)
    assert again.holds(notarize(1))


def test_evidence_survives_a_restart() -> None:
    probe = Probe(me=1)
    probe.hear(2, finalize(1))
    again = restarted(probe)
    again.hear(2, nullify(1))
    assert len(again.of(ReportEvidence)) == 1


def test_a_contradiction_is_reported_again_after_the_crash() -> None:
    """The crash may have come before anybody took note of it."""
    probe = Probe(me=1)
    probe.hear(2, finalize(1))
    probe.hear(2, nullify(1))
    again = restarted(probe)
    assert again.of(ReportEvidence) == probe.of(ReportEvidence)


def test_votes_in_certificates_are_remembered_like_votes() -> None:
    probe = Probe(me=1)
    probe.show(nullify(1))
    again = restarted(probe)
    again.hear(2, finalize(1))
    assert len(again.of(ReportEvidence)) == 1
    assert again.core.heard == {0: 1, 2: 1, 3: 1}


def test_a_leader_that_equivocated_before_the_crash_is_not_supported_after_it() -> None:
    probe = Probe(me=1)
    probe.hear(0, notarize(1))
    probe.hear(0, notarize(1, branch=1))
    again = restarted(probe)
    again.verified(1)
    again.verified(1, branch=1)
    assert not again.votes()


def test_records_at_or_below_the_floor_do_not_matter() -> None:
    records: list[Record] = [
        CertificateSeen(certificate(nullify(1), (0, 2, 3))),
        CertificateSeen(certificate(finalize(2, 0), (0, 2, 3))),
        VoteSeen(vote_of(1, nullify(1))),
    ]
    again = Probe(me=1, records=records)
    assert again.core.floor == BlockRef(2, block_id(2))
    assert again.core.view == 3


def test_two_cores_given_the_same_events_do_the_same() -> None:
    first, second = Probe(me=1), Probe(me=1)
    for probe in (first, second):
        probe.hear(0, notarize(1))
        probe.verified(1)
        probe.hear(2, notarize(1))
        probe.work()
        probe.wait(3 * DELTA_MS)
    assert first.effects == second.effects
