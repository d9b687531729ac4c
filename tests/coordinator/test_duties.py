"""What is owed: a pure function, so each of its rules is tested at its edge."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from coordinator.config import Timings
from coordinator.duties import (
    AttemptFacts,
    Attest,
    Dispute,
    Duty,
    Fail,
    JobFacts,
    ReceiptFacts,
    Release,
    SignReceipt,
    duty_of,
)
from coordinator.jobs import JobPhase
from ledger.actions import Reason
from ledger.records import Gap

TIMINGS = Timings()
ATTEMPTS_MAX = 8
AUTO_SETTLE_MS = 600_000

QUEUED = JobFacts(
    phase=JobPhase.QUEUED,
    attempt=0,
    escrowed_ms=1_000,
    has_payload=True,
    is_assigning=False,
    last_reason=None,
    blamed_miners=0,
    current=None,
    receipt=None,
)
LIVE = AttemptFacts(
    miner=bytes(20),
    is_managed=True,
    lease_end_ms=20_000,
    heartbeat_by_ms=15_000,
    release_reason=None,
    has_result=False,
    is_receipt_under_way=False,
)
RECEIPT = ReceiptFacts(
    receipt_id=bytes(32),
    received_ms=50_000,
    is_delivered=False,
    is_attested=False,
    is_disputed=False,
    refusal=None,
)


def owed(facts: JobFacts, now_ms: int, gap: Gap | None = None) -> Duty | None:
    return duty_of(
        facts, now_ms, TIMINGS, attempts_max=ATTEMPTS_MAX, auto_settle_ms=AUTO_SETTLE_MS, gap=gap
    )


def running(**changes: object) -> JobFacts:
    current = replace(LIVE, **changes)  # type: ignore[arg-type]
    return replace(QUEUED, phase=JobPhase.RUNNING, attempt=1, current=current)


def completed(**changes: object) -> JobFacts:
    receipt = replace(RECEIPT, **changes)  # type: ignore[arg-type]
    return replace(QUEUED, phase=JobPhase.COMPLETED, attempt=1, receipt=receipt)


def test_a_queued_job_with_its_input_is_owed_nothing() -> None:
    assert owed(QUEUED, 10**9) is None


def test_a_job_without_input_is_failed_after_the_grace() -> None:
    foreign = replace(QUEUED, has_payload=False)
    assert owed(foreign, 1_000 + TIMINGS.payload_grace_ms - 1) is None
    assert owed(foreign, 1_000 + TIMINGS.payload_grace_ms) == Fail(Reason.NO_PAYLOAD)


def test_bad_input_fails_the_job_and_other_reasons_do_not() -> None:
    for reason in Reason:
        faults = (Reason.BAD_INPUT, Reason.NO_SOURCE, Reason.NO_PAYLOAD)
        expected = Fail(reason) if reason in faults else None
        assert owed(replace(QUEUED, attempt=1, last_reason=reason), 2_000) == expected


def test_an_attempt_without_input_is_given_back_as_soon_as_j8_lets_it() -> None:
    managed = replace(running(), has_payload=False)
    assert owed(managed, 2_000) == Release(Reason.NO_PAYLOAD, as_miner=True)
    own = replace(running(is_managed=False, heartbeat_by_ms=None), has_payload=False)
    assert owed(own, 20_000) is None
    assert owed(own, 20_001) == Release(Reason.NO_PAYLOAD, as_miner=False)


def test_exhausted_jobs_are_failed() -> None:
    exhausted = Fail(Reason.ATTEMPTS_EXHAUSTED)
    lost = replace(QUEUED, attempt=2, last_reason=Reason.LEASE_EXPIRED, blamed_miners=2)
    assert owed(lost, 2_000) is None
    assert owed(replace(lost, attempt=3, blamed_miners=3), 2_000) == exhausted
    assert owed(replace(lost, attempt=ATTEMPTS_MAX), 2_000) == exhausted


def test_nothing_is_owed_while_an_assignment_is_under_way() -> None:
    assert owed(replace(QUEUED, is_assigning=True, last_reason=Reason.BAD_INPUT), 2_000) is None


def test_a_lease_is_never_taken_away_before_its_end() -> None:
    for changes in ({}, {"heartbeat_by_ms": None}, {"release_reason": Reason.BAD_INPUT}):
        own = running(is_managed=False, **changes)
        assert owed(own, 20_000) is None
        assert isinstance(owed(own, 20_001), Release)


def test_j12_a_lease_that_ended_in_a_halt_is_taken_away_when_its_credit_is_over() -> None:
    gap = Gap(from_ms=19_000, to_ms=90_000, credit_until_ms=150_000)
    for changes in ({}, {"heartbeat_by_ms": None}, {"release_reason": Reason.BAD_INPUT}):
        own = running(is_managed=False, **changes)
        assert owed(own, 150_000, gap) is None
        assert isinstance(owed(own, 150_001, gap), Release)
    early = running(lease_end_ms=19_000)
    assert isinstance(owed(early, 90_001, gap), Release), "it was over before the halt"


def test_after_the_leases_end_silence_decides() -> None:
    assert owed(running(heartbeat_by_ms=30_000), 30_000) is None
    assert owed(running(heartbeat_by_ms=30_000), 30_001) == Release(
        Reason.HEARTBEAT_MISSED, as_miner=False
    )
    assert owed(running(heartbeat_by_ms=None), 20_001) == Release(
        Reason.LEASE_EXPIRED, as_miner=False
    )


def test_a_managed_miner_is_signed_for_at_once() -> None:
    assert owed(running(release_reason=Reason.RUNNER_FAILED), 1_001) == Release(
        Reason.RUNNER_FAILED, as_miner=True
    )
    assert owed(running(has_result=True), 1_001) == SignReceipt()


def test_a_receipt_under_way_keeps_the_attempt_alive() -> None:
    under_way = {"is_receipt_under_way": True, "has_result": True}
    assert owed(running(**under_way), 10**9) is None


def test_a_delivered_result_is_attested_once() -> None:
    assert owed(completed(is_delivered=True), 50_000) == Attest(bytes(32))
    assert owed(completed(is_delivered=True, is_attested=True), 50_000) is None


def test_an_undelivered_result_is_disputed_before_the_window_ends() -> None:
    late_ms = 50_000 + TIMINGS.delivery_grace_ms
    assert owed(completed(), late_ms - 1) is None
    assert owed(completed(), late_ms) == Dispute(bytes(32), Reason.RESULT_NOT_DELIVERED)
    assert owed(completed(is_disputed=True), late_ms) is None
    malformed = completed(refusal=Reason.RESULT_MALFORMED)
    assert owed(malformed, late_ms) == Dispute(bytes(32), Reason.RESULT_MALFORMED)


@given(st.integers(10_000, 10**9), st.integers(1, 10**9))
def test_a_dispute_always_leaves_half_of_the_window(auto_settle_ms: int, grace_ms: int) -> None:
    timings = replace(TIMINGS, delivery_grace_ms=grace_ms)
    half_ms = RECEIPT.received_ms + auto_settle_ms // 2
    duty = duty_of(
        completed(), half_ms, timings, attempts_max=8, auto_settle_ms=auto_settle_ms, gap=None
    )
    assert isinstance(duty, Dispute)


REASONS = st.none() | st.sampled_from(Reason)
FACTS = st.builds(
    JobFacts,
    phase=st.just(JobPhase.RUNNING),
    attempt=st.integers(1, 9),
    escrowed_ms=st.integers(0, 10**6),
    has_payload=st.booleans(),
    is_assigning=st.booleans(),
    last_reason=REASONS,
    blamed_miners=st.integers(0, 4),
    current=st.builds(
        AttemptFacts,
        miner=st.just(bytes(20)),
        is_managed=st.booleans(),
        lease_end_ms=st.integers(0, 10**6),
        heartbeat_by_ms=st.none() | st.integers(0, 10**6),
        release_reason=REASONS,
        has_result=st.booleans(),
        is_receipt_under_way=st.booleans(),
    ),
    receipt=st.none(),
)


@given(FACTS, st.integers(0, 2 * 10**6))
def test_the_coordinator_never_breaks_a_live_lease(facts: JobFacts, now_ms: int) -> None:
    """J8: while now ≤ lease_end only the miner may release."""
    duty = owed(facts, now_ms)
    assert not isinstance(duty, Fail | Attest | Dispute)
    assert facts.current is not None
    if isinstance(duty, Release) and not duty.as_miner:
        assert now_ms > facts.current.lease_end_ms
    if isinstance(duty, Release) and duty.as_miner:
        assert facts.current.is_managed
