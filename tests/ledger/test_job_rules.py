"""The rules of prices, attestations and cancelling, each by its attack (J1 to J6, J14)."""

import pytest

from ledger.actions import (
    AcceptReceipt,
    AttestationKind,
    AttestReceipt,
    DisputeReceipt,
    Reason,
    UnitType,
)
from ledger.job_rejections import (
    AlreadyAttested,
    CompensationAboveLimit,
    LeaseEndInvalid,
    NotCoordinator,
    PriceCapInvalid,
    PriceInvalid,
    ReceiptMismatch,
    UnitPriceInvalid,
    UnitTypeMismatch,
)
from ledger.outcomes import OutcomeKind
from ledger.records import JobState
from ledger.rejections import (
    DisputeWindowTooLong,
)
from tests.ledger.phases import Phase, job_in, receipt_id_of
from tests.ledger.worlds import AITBC, PEOPLE, World


@pytest.fixture
def world() -> World:
    world = World()
    world.register(floor=1_000)
    world.register(PEOPLE.other_miner)
    return world


def test_j1_a_price_cap_lies_between_the_miners_floor_and_the_locked_maximum(world: World) -> None:
    job_id = world.submit()
    for cap in (999, AITBC + 1):
        with pytest.raises(PriceCapInvalid):
            world.assign(job_id, price_cap=cap)
    world.assign(job_id, price_cap=1_000)


def test_j1_a_receipt_cannot_claim_more_than_the_price_cap(world: World) -> None:
    job_id = world.submit()
    world.assign(job_id, price_cap=5_000)
    with pytest.raises(PriceInvalid):
        world.post(job_id, price=5_001)
    world.post(job_id, price=4_999)


def test_j1_a_price_by_unit_is_exactly_what_the_units_cost_rounded_up(world: World) -> None:
    job_id = world.submit()
    world.assign(job_id, unit_type=UnitType.TOKENS, unit_price=3, price_cap=10_000)
    for price in (3, 5, 10_000):
        with pytest.raises(PriceInvalid):
            world.post(job_id, units_micro=1_000_001, price=price)
    with pytest.raises(UnitTypeMismatch):
        world.post(job_id, units_micro=1_000_001, price=4, unit_type=UnitType.FRAMES)
    world.post(job_id, units_micro=1_000_001, price=4)


def test_j1_a_price_by_unit_stops_at_the_cap(world: World) -> None:
    job_id = world.submit()
    world.assign(job_id, unit_type=UnitType.TOKENS, unit_price=3, price_cap=10_000)
    with pytest.raises(PriceInvalid):
        world.post(job_id, units_micro=2**63 - 1, price=10_001)
    world.post(job_id, units_micro=2**63 - 1, price=10_000)


def test_j1_unit_type_and_unit_price_come_together(world: World) -> None:
    job_id = world.submit()
    for unit_type, unit_price in ((UnitType.NONE, 1), (UnitType.TOKENS, 0)):
        with pytest.raises(UnitPriceInvalid):
            world.assign(job_id, unit_type=unit_type, unit_price=unit_price)


def test_j2_attestation_acceptance_and_dispute_name_the_receipt_that_is_in(world: World) -> None:
    job_id = job_in(world, Phase.C)
    shown = b"\x01" * 32
    for key, action in (
        (PEOPLE.coordinator, AttestReceipt(job_id, shown, AttestationKind.DELIVERY)),
        (PEOPLE.coordinator, DisputeReceipt(job_id, shown, Reason.RESULT_MALFORMED, 0)),
        (PEOPLE.client, AcceptReceipt(job_id, shown)),
    ):
        with pytest.raises(ReceiptMismatch):
            world.act(key, action)


def test_j3_nobody_but_the_coordinator_attests_or_disputes_without_a_bond(world: World) -> None:
    job_id = job_in(world, Phase.C)
    receipt_id = receipt_id_of(world, job_id)
    dispute = DisputeReceipt(job_id, receipt_id, Reason.RESULT_MALFORMED, 0)
    attest = AttestReceipt(job_id, receipt_id, AttestationKind.DELIVERY)
    strangers = (PEOPLE.miner, PEOPLE.other_coordinator, PEOPLE.validators[0])
    for key in strangers:
        with pytest.raises(NotCoordinator):
            world.act(key, dispute)
    for key in (*strangers, PEOPLE.client):
        with pytest.raises(NotCoordinator):
            world.act(key, attest)


def test_j3_an_undelivered_result_is_not_paid_when_the_coordinator_disputes(world: World) -> None:
    before = world.balance(PEOPLE.client.address)
    job_id = job_in(world, Phase.D)
    miner_before = world.balance(PEOPLE.miner.address)
    (refund,) = world.run_to(world.job(job_id).dispute.due_ms + 1_001)[0].outcomes
    assert refund.kind is OutcomeKind.JOB_REFUNDED
    fee = before - world.balance(PEOPLE.client.address)
    assert 0 < fee < AITBC // 100, "only the fee of the submission is gone"
    assert world.balance(PEOPLE.miner.address) == miner_before


def test_j3_each_kind_is_attested_once_even_while_disputed(world: World) -> None:
    job_id = job_in(world, Phase.A)
    receipt_id = receipt_id_of(world, job_id)
    with pytest.raises(AlreadyAttested):
        world.attest(job_id, receipt_id)
    world.dispute(job_id, receipt_id)
    with pytest.raises(AlreadyAttested):
        world.attest(job_id, receipt_id)
    world.attest(job_id, receipt_id, AttestationKind.RERUN)
    with pytest.raises(AlreadyAttested):
        world.attest(job_id, receipt_id, AttestationKind.RERUN)


def test_j3_a_rerun_attestation_neither_settles_nor_hurries(world: World) -> None:
    job_id = job_in(world, Phase.C, dispute_ms=0)
    receipt_id = receipt_id_of(world, job_id)
    due_ms = world.head.next_due_ms
    world.attest(job_id, receipt_id, AttestationKind.RERUN)
    assert world.job(job_id).state is JobState.RECEIPT_IN
    assert world.head.next_due_ms == due_ms


@pytest.mark.parametrize("disputed", [False, True])
def test_j3_j14_a_re_run_is_no_delivery_and_pays_the_coordinator_nothing(
    world: World, *, disputed: bool
) -> None:
    job_id = job_in(world, Phase.C)
    receipt_id = receipt_id_of(world, job_id)
    world.attest(job_id, receipt_id, AttestationKind.RERUN)
    if disputed:
        world.dispute(job_id, receipt_id)
    due_ms = world.head.next_due_ms
    assert due_ms is not None
    (ending,) = world.run_to(due_ms + 1)[0].outcomes
    share = AITBC // 20
    if disputed:
        assert (ending.kind, ending.amounts) == (OutcomeKind.JOB_REFUNDED, (AITBC,))
    else:
        assert ending.kind is OutcomeKind.JOB_SETTLED
        assert ending.amounts == (AITBC - share, 0, share)


def test_j4_with_a_dispute_window_an_attested_job_waits_for_its_end(world: World) -> None:
    job_id = job_in(world, Phase.A, dispute_ms=60_000)
    receipt = world.job(job_id).receipt
    assert receipt is not None
    assert receipt.due_ms == receipt.received_ms + 60_000
    results = world.run_to(receipt.due_ms + 1_001)
    assert [o.kind for o in results[0].outcomes] == [OutcomeKind.JOB_SETTLED]


@pytest.mark.parametrize("beyond_ms", [-300_000, 300_000])
def test_j4_an_unattested_receipt_settles_after_the_longer_of_its_two_windows(
    world: World, beyond_ms: int
) -> None:
    auto_settle_ms = world.head.parameters.auto_settle_ms
    job_id = job_in(world, Phase.C, dispute_ms=auto_settle_ms + beyond_ms)
    due_ms = world.now_ms + auto_settle_ms + max(0, beyond_ms)
    receipt = world.job(job_id).receipt
    assert receipt is not None
    assert receipt.due_ms == due_ms
    assert not world.block(after_ms=due_ms - 1 - world.now_ms).outcomes
    world.dispute(job_id, receipt.receipt_id)
    assert world.now_ms == due_ms


def test_j4_without_a_dispute_window_the_attestation_settles_at_once(world: World) -> None:
    job_id = job_in(world, Phase.C, dispute_ms=0)
    world.attest(job_id, receipt_id_of(world, job_id))
    assert world.results[-1].outcomes[-1].kind is OutcomeKind.JOB_SETTLED


def test_j4_a_dispute_window_is_bounded_by_the_parameter(world: World) -> None:
    longest = world.head.parameters.dispute_max_ms
    with pytest.raises(DisputeWindowTooLong):
        world.submit(dispute_ms=longest + 1)
    world.submit(dispute_ms=longest)


def test_j5_a_streamed_job_costs_the_whole_cap_and_leases_to_the_deadline(world: World) -> None:
    job_id = world.submit(streamed=True)
    deadline_ms = world.job(job_id).deadline_ms
    with pytest.raises(LeaseEndInvalid):
        world.assign(job_id, lease_end_ms=deadline_ms - 1)
    world.assign(job_id, price_cap=1_234_567)
    with pytest.raises(CompensationAboveLimit):
        world.cancel(job_id, compensation_max=1_234_566)
    world.cancel(job_id, compensation_max=1_234_567)
    assert world.results[-1].outcomes[-1].amounts == (1_234_567, AITBC - 1_234_567)


def test_j6_a_cancel_never_costs_more_than_its_signer_agreed_to(world: World) -> None:
    job_id = job_in(world, Phase.R)
    with pytest.raises(CompensationAboveLimit):
        world.cancel(job_id, compensation_max=AITBC // 2 - 1)
    world.cancel(job_id, compensation_max=AITBC // 2)
    assert world.results[-1].outcomes[-1].amounts == (AITBC // 2, AITBC // 2)


@pytest.mark.parametrize(("after_lease_ms", "owed"), [(0, AITBC // 2), (1, 0)])
def test_j6_cancelling_costs_nothing_as_soon_as_the_lease_is_over(
    world: World, after_lease_ms: int, owed: int
) -> None:
    job_id = job_in(world, Phase.R)
    assignment = world.job(job_id).assignment
    assert assignment is not None
    after_ms = assignment.lease_end_ms + after_lease_ms - world.now_ms
    world.cancel(job_id, compensation_max=owed, after_ms=after_ms)
    assert world.results[-1].outcomes[-1].amounts == (owed, AITBC - owed)


def test_j14_without_a_delivery_the_coordinators_share_goes_back(world: World) -> None:
    job_id = job_in(world, Phase.C)
    world.attest(job_id, receipt_id_of(world, job_id), AttestationKind.RERUN)
    world.accept(job_id, receipt_id_of(world, job_id))
    assert world.results[-1].outcomes[-1].amounts == (AITBC * 95 // 100, 0, AITBC * 5 // 100)
