"""Who is given which certificate, and when (rules 5, 6, 7; docs/consensus-certificates.md)."""

from consensus import Broadcast, BroadcastProposal, FetchCertificates, Send, Verdict
from tests.consensus.probe import DELTA_MS, Probe, certificate, finalize, notarize, nullify
from tests.consensus.small_network import Network


def test_a_notarization_goes_to_the_next_leader_before_its_block_is_certified() -> None:
    probe = Probe(me=2)
    for signer in (0, 1, 3):
        probe.hear(signer, notarize(1))
    assert probe.told(1) == [notarize(1)]
    assert [sent.member for sent in probe.of(Send)] == [1]
    assert not probe.certificates()


def test_a_nullification_goes_to_the_next_leader() -> None:
    probe = Probe(me=2)
    probe.show(nullify(1), (0, 1, 3))
    assert not probe.told(1), "who sent it has it"
    probe.show(nullify(2), (0, 1, 3))  # Leads view 3 itself.
    assert not probe.of(Send)
    probe.show(nullify(3), (0, 1, 3))
    assert [(sent.member, sent.message.statement) for sent in probe.of(Send)] == [(3, nullify(3))]


def test_a_leader_that_was_heard_in_its_view_has_what_let_it_enter() -> None:
    probe = Probe(me=2)
    probe.hear(1, nullify(2))
    probe.show(nullify(1), (0, 1, 3))
    probe.show(notarize(1), (0, 1, 3))
    assert not probe.of(Send)


def test_a_leader_sends_with_its_proposal_what_let_it_enter() -> None:
    probe = Probe(me=1)  # Leads view 2.
    probe.advance(1)
    probe.work()
    probe.clear()
    probe.built(2)
    kinds = [type(effect) for effect in probe.effects]
    assert kinds.index(Broadcast) < kinds.index(BroadcastProposal)
    assert probe.certificates() == [notarize(1)]


def test_a_leader_that_entered_by_a_nullification_also_sends_the_notarization_of_its_parent() -> (
    None
):
    probe = Probe(me=1)
    probe.show(notarize(1))
    probe.certified(1, Verdict.UNKNOWN)
    probe.show(nullify(1))
    probe.certified(1)
    probe.work()
    probe.clear()
    probe.built(2)
    assert probe.certificates() == [nullify(1), notarize(1)]


def test_a_certificate_of_a_view_that_was_left_long_ago_is_passed_to_nobody() -> None:
    probe = Probe(me=0)
    probe.show(nullify(6))
    probe.clear()
    probe.show(nullify(2))
    assert not probe.of(Send)
    assert not probe.of(Broadcast)


def test_finality_is_sent_to_nobody_and_asked_for_by_who_misses_it() -> None:
    probe = Probe(me=0)
    probe.advance(1)
    probe.wait(2 * DELTA_MS - 1)
    assert not probe.of(FetchCertificates)
    probe.wait(1)
    assert probe.of(FetchCertificates) == [FetchCertificates((1,), ask=1)]
    probe.wait(4 * DELTA_MS)  # Δ has doubled, since this node gave a view up.
    assert probe.of(FetchCertificates)[-1] == FetchCertificates((1,), ask=None)
    probe.clear()
    probe.show(finalize(1))
    assert not probe.of(Send)
    probe.wait(20 * DELTA_MS)
    assert not probe.of(FetchCertificates)


def test_finality_goes_with_a_repeated_nullify_to_who_may_still_be_in_the_view_before() -> None:
    probe = Probe(me=0)
    probe.advance(1)
    probe.wait(4 * DELTA_MS)
    assert nullify(2) in probe.votes()
    probe.show(finalize(1))
    probe.clear()
    probe.wait(4 * DELTA_MS)
    assert probe.told(2) == [finalize(1)]


def test_what_is_held_is_given_to_who_is_no_member() -> None:
    probe = Probe(me=0)
    probe.show(finalize(3))
    probe.show(nullify(4))
    held = probe.core.certificates([1, 2, 4, 9])
    assert held == (certificate(finalize(3)), certificate(nullify(4)))


def test_a_busy_network_sends_about_two_certificates_a_member_and_view() -> None:
    """Where each member broadcast each certificate there were two times n² of them."""
    network = Network(7, seed=1)
    network.start()
    network.run_until(2_000)
    views = network.final_height()
    assert views > 20
    assert network.certificates_sent <= 2.5 * 7 * views
