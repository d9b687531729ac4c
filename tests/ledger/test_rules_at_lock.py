"""A job keeps the rules that were in force when its escrow was locked (E4, J5, J10, J11, J13)."""

import pytest

from ledger.job_rejections import AttemptsExhausted, CompensationAboveLimit
from ledger.outcomes import OutcomeKind
from ledger.params import Parameters
from ledger.records import Job, Table, state_key
from ledger.types import Hash
from tests.ledger.phases import Phase, job_in
from tests.ledger.worlds import AITBC, World, genesis_of

OLD = Parameters(
    coordinator_share_bp=1_000,
    cancel_bp=2_000,
    auto_settle_ms=60_000,
    resolve_ms=70_000,
    attempts_max=2,
    delta_ms=2_000,
)
NEW = Parameters(
    coordinator_share_bp=3_000,
    cancel_bp=4_000,
    auto_settle_ms=80_000,
    resolve_ms=90_000,
    attempts_max=1,
    delta_ms=4_000,
)


class Changed:
    """A chain with one job in a phase, whose parameters have changed since."""

    def __init__(self, phase: Phase) -> None:
        self.world = World(genesis_of(OLD), checked=False)
        self.world.register()
        self.job_id: Hash = job_in(self.world, phase, dispute_ms=0)
        # A change of parameters is a ballot of a later issue: write the final state by hand.
        overlay = self.world.final.state.overlay()
        overlay.put(state_key(Table.PARAMETERS), NEW)
        overlay.seal()
        self.world.final.state.absorb(overlay)

    @property
    def job(self) -> Job:
        return self.world.job(self.job_id)


def test_e4_a_job_of_today_has_the_rules_of_today() -> None:
    changed = Changed(Phase.Q)
    new = changed.world.job(changed.world.submit())
    for job, rules, grace_ms in ((changed.job, OLD, 24_000), (new, NEW, 48_000)):
        assert job.share_bp == rules.coordinator_share_bp
        assert job.cancel_bp == rules.cancel_bp
        assert job.auto_settle_ms == rules.auto_settle_ms
        assert job.resolve_ms == rules.resolve_ms
        assert job.attempts_max == rules.attempts_max
        assert job.receipt_grace_ms == grace_ms


def test_e4_the_share_and_the_windows_of_a_receipt_are_the_old_ones() -> None:
    changed = Changed(Phase.R)
    world = changed.world
    receipt_id = world.post(changed.job_id)
    receipt = changed.job.receipt
    assert receipt is not None
    assert receipt.due_ms == receipt.received_ms + OLD.auto_settle_ms
    world.attest(changed.job_id, receipt_id)
    (_, settled) = world.results[-1].outcomes
    assert settled.kind is OutcomeKind.JOB_SETTLED
    assert settled.amounts == (AITBC - AITBC // 10, AITBC // 10, 0)


def test_e4_a_dispute_lasts_as_long_as_it_would_have() -> None:
    changed = Changed(Phase.C)
    assert changed.job.receipt is not None
    changed.world.dispute(changed.job_id, changed.job.receipt.receipt_id)
    dispute = changed.job.dispute
    assert dispute is not None
    assert dispute.due_ms == changed.world.now_ms + OLD.resolve_ms


def test_e4_cancelling_costs_what_it_would_have() -> None:
    changed = Changed(Phase.R)
    owed = AITBC // 5
    with pytest.raises(CompensationAboveLimit) as refused:
        changed.world.cancel(changed.job_id, compensation_max=owed - 1)
    assert refused.value.compensation == owed
    changed.world.cancel(changed.job_id, compensation_max=owed)
    assert changed.world.results[-1].outcomes[0].amounts == (owed, AITBC - owed)


def test_e4_the_attempts_and_the_grace_are_the_old_ones() -> None:
    changed = Changed(Phase.R)
    world = changed.world
    world.release(changed.job_id)
    world.assign(changed.job_id)
    end_ms = changed.job.deadline_ms + 24_000
    assert world.head.next_due_ms == -(-end_ms // 1_000) * 1_000
    world.release(changed.job_id)
    with pytest.raises(AttemptsExhausted) as refused:
        world.assign(changed.job_id)
    assert refused.value.attempts_max == OLD.attempts_max
