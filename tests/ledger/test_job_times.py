"""The rules of attempts, times and ids of jobs, each by its attack (J7 to J31)."""

import pytest
from msgspec.structs import replace

from ledger.actions import (
    AcceptReceipt,
    CancelJob,
    FailJob,
    Reason,
    ReleaseJob,
)
from ledger.job_rejections import (
    AttemptsExhausted,
    AttemptStale,
    DeadlinePassed,
    JobUnknown,
    LeaseEndInvalid,
    LeaseLive,
    NotAssignedMiner,
    NotClient,
    NotCoordinator,
    ReceiptExists,
    ReceiptTermsMismatch,
    ReceiptTimesInvalid,
)
from ledger.outcomes import OutcomeKind
from ledger.params import Parameters, receipt_grace_ms
from ledger.records import JobState, Table, state_key
from ledger.rejections import (
    AlreadyIncluded,
    CoordinatorUnknown,
    DeadlineTooFar,
    JobTimesInvalid,
    MinerUnknown,
)
from tests.ledger.phases import LEASE_MS, Phase, job_in, receipt_id_of
from tests.ledger.worlds import AITBC, PEOPLE, World, genesis_of, key_of

JOB_UNKNOWN_ID = b"\x07" * 32


@pytest.fixture
def world() -> World:
    world = World()
    world.register(floor=1_000)
    world.register(PEOPLE.other_miner)
    return world


def test_j7_a_receipt_is_valid_after_the_lease_until_the_deadline_and_grace(world: World) -> None:
    job_id = job_in(world, Phase.L)
    job = world.job(job_id)
    world.block(after_ms=job.deadline_ms + job.receipt_grace_ms - 1 - world.now_ms)
    world.post(job_id)
    assert world.job(job_id).state is JobState.RECEIPT_IN


def test_j7_a_lease_ends_between_now_and_the_deadline(world: World) -> None:
    job_id = world.submit()
    for lease_end_ms in (world.now_ms, world.job(job_id).deadline_ms + 1):
        with pytest.raises(LeaseEndInvalid):
            world.assign(job_id, lease_end_ms=lease_end_ms)


def test_j8_a_coordinator_cannot_take_work_away_while_the_lease_is_live(world: World) -> None:
    job_id = job_in(world, Phase.R)
    job = world.job(job_id)
    assert job.assignment is not None
    world.block(after_ms=job.assignment.lease_end_ms - 1 - world.now_ms)
    for take_away in (
        ReleaseJob(job_id, 1, Reason.HEARTBEAT_MISSED),
        world.assignment(job_id, miner=PEOPLE.other_miner.address),
        FailJob(job_id, 1, Reason.HEARTBEAT_MISSED),
    ):
        with pytest.raises(LeaseLive):
            world.act(PEOPLE.coordinator, take_away)
    world.release(job_id, PEOPLE.coordinator, after_ms=2)


def test_j8_bad_input_is_released_by_the_miner_then_failed_by_the_coordinator(
    world: World,
) -> None:
    job_id = job_in(world, Phase.R)
    world.act(PEOPLE.miner, ReleaseJob(job_id, 1, Reason.BAD_INPUT))
    world.act(PEOPLE.coordinator, FailJob(job_id, 1, Reason.BAD_INPUT))
    (outcome,) = world.results[-1].outcomes
    assert (outcome.kind, outcome.code) == (OutcomeKind.JOB_FAILED, Reason.BAD_INPUT)
    assert outcome.amounts == (AITBC,)


def test_j8_a_coordinator_that_is_the_assigned_miner_may_release_its_own_work(
    world: World,
) -> None:
    world.register(PEOPLE.coordinator)
    job_id = world.submit()
    world.assign(job_id, miner=PEOPLE.coordinator.address)
    with pytest.raises(LeaseLive):
        world.fail(job_id)
    world.release(job_id, PEOPLE.coordinator)
    assert world.job(job_id).state is JobState.QUEUED


def test_j9_a_completion_of_a_lost_attempt_is_refused_and_unpaid(world: World) -> None:
    job_id = job_in(world, Phase.R)
    late = world.receipt(job_id)
    world.block(after_ms=LEASE_MS + 1)
    world.assign(job_id, miner=PEOPLE.other_miner.address)
    with pytest.raises(NotAssignedMiner):
        world.act(PEOPLE.miner, late)
    world.release(job_id, PEOPLE.other_miner)
    world.assign(job_id)
    with pytest.raises(AttemptStale):
        world.act(PEOPLE.miner, late)


def test_j9_every_action_names_the_current_attempt(world: World) -> None:
    job_id = job_in(world, Phase.L)
    for stale in (0, 2):
        with pytest.raises(AttemptStale):
            world.release(job_id, attempt=stale)
        with pytest.raises(AttemptStale):
            world.act(PEOPLE.coordinator, FailJob(job_id, stale, Reason.UNSPECIFIED))
        with pytest.raises(AttemptStale):
            world.post(job_id, attempt=stale)
    for skipped in (1, 3):
        with pytest.raises(AttemptStale):
            world.assign(job_id, attempt=skipped)


def test_j10_a_job_cannot_be_assigned_for_ever_without_a_fee(world: World) -> None:
    job_id = world.submit()
    for _ in range(world.head.parameters.attempts_max):
        world.assign(job_id)
        world.release(job_id)
    with pytest.raises(AttemptsExhausted):
        world.assign(job_id)
    world.fail(job_id)


def test_j11_the_receipt_grace_grows_with_the_leaders_that_may_censor() -> None:
    parameters = Parameters(delta_ms=2_000, block_weight_max=150_000)
    graces = [receipt_grace_ms(parameters, n) // 24_000 for n in range(1, 8)]
    assert graces == [1, 1, 1, 2, 2, 2, 3], "f + 1"
    assert receipt_grace_ms(Parameters(), 1) == 15_000
    for validators, grace_ms in ((1, 24_000), (4, 48_000)):
        world = World(genesis_of(parameters, validators=validators))
        assert world.job(world.submit()).receipt_grace_ms == grace_ms


def test_j15_a_removed_coordinator_is_refused_and_its_jobs_end_by_expiry() -> None:
    parameters = Parameters()
    world = World(genesis_of(parameters), checked=False)
    world.register()
    job_id = job_in(world, Phase.R)
    # Removal is a ballot of a later issue: take the record out of the final state by hand, which
    # is what the checker is there to notice.
    state = world.final.state
    overlay = state.overlay()
    overlay.put(state_key(Table.COORDINATOR, PEOPLE.coordinator.address), None)
    overlay.seal()
    state.absorb(overlay)
    for action in (
        ReleaseJob(job_id, 1, Reason.HEARTBEAT_MISSED),
        world.assignment(job_id),
        FailJob(job_id, 1, Reason.HEARTBEAT_MISSED),
    ):
        with pytest.raises(NotCoordinator):
            world.act(PEOPLE.coordinator, action)
    with pytest.raises(CoordinatorUnknown):
        world.submit()
    job = world.job(job_id)
    results = world.run_to(job.deadline_ms + job.receipt_grace_ms + 1_001)
    assert [o.kind for o in results[0].outcomes] == [OutcomeKind.JOB_EXPIRED]


def test_j16_between_the_limit_and_the_sweep_nobody_acts(world: World) -> None:
    job_id = world.submit(start_by_ms=world.now_ms + 10_500)
    limit_ms = world.job(job_id).start_by_ms
    world.block(after_ms=limit_ms + 1 - world.now_ms)
    assert world.job(job_id).state is JobState.QUEUED, "due, but not swept before a whole second"
    for act in (world.assign, world.cancel, world.fail):
        with pytest.raises(DeadlinePassed):
            act(job_id)


def test_j17_a_due_item_ends_before_an_action_in_the_same_block(world: World) -> None:
    job_id = job_in(world, Phase.C)
    accept = AcceptReceipt(job_id, receipt_id_of(world, job_id))
    due_ms = world.head.next_due_ms
    assert due_ms is not None
    world.block(after_ms=due_ms - world.now_ms)
    with pytest.raises(JobUnknown):
        world.act(PEOPLE.client, accept)


def test_j18_start_by_binds_the_first_assignment_only(world: World) -> None:
    job_id = job_in(world, Phase.R)
    start_by_ms = world.job(job_id).start_by_ms
    world.block(after_ms=start_by_ms + 5_000 - world.now_ms)
    world.release(job_id)
    world.assign(job_id)
    assert world.job(job_id).attempt == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client", PEOPLE.other_client.address),
        ("coordinator", PEOPLE.other_coordinator.address),
        ("payload_digest", b"\x01" * 32),
        ("price_cap", AITBC - 1),
    ],
)
def test_j19_a_receipt_repeats_the_jobs_terms(world: World, field: str, value: object) -> None:
    job_id = job_in(world, Phase.R)
    with pytest.raises(ReceiptTermsMismatch) as refused:
        world.act(PEOPLE.miner, world.receipt(job_id, **{field: value}))
    assert refused.value.field == field


def test_j26_a_receipt_does_not_end_before_it_starts(world: World) -> None:
    job_id = job_in(world, Phase.R)
    with pytest.raises(ReceiptTimesInvalid):
        world.post(job_id, started_ms=2, completed_ms=1)
    world.post(job_id, started_ms=1, completed_ms=1)


def test_j27_a_job_and_its_receipt_have_the_ids_of_their_transactions(world: World) -> None:
    job_id = world.submit()
    assert job_id == world.results[-1].transaction_ids[0]
    world.assign(job_id)
    receipt_id = world.post(job_id)
    assert receipt_id_of(world, job_id) == receipt_id == world.results[-1].transaction_ids[0]


def test_j29_an_ended_job_is_not_live_any_more(world: World) -> None:
    job_id = world.submit()
    world.fail(job_id)
    cancel = CancelJob(job_id, 0)
    for unknown in (cancel, replace(cancel, job_id=JOB_UNKNOWN_ID)):
        with pytest.raises(JobUnknown):
            world.act(PEOPLE.client, unknown)


def test_j30_a_submission_repeated_with_the_same_bytes_locks_once(world: World) -> None:
    signed = world.sign(PEOPLE.client, world.submission())
    world.block(signed)
    with pytest.raises(AlreadyIncluded):
        world.block(signed)


def test_j31_a_queued_job_whose_payload_never_arrives_is_failed_and_refunded(
    world: World,
) -> None:
    job_id = world.submit()
    world.act(PEOPLE.coordinator, FailJob(job_id, 0, Reason.NO_PAYLOAD))
    assert world.results[-1].outcomes[-1].amounts == (AITBC,)


def test_only_the_client_accepts_and_cancels(world: World) -> None:
    job_id = job_in(world, Phase.C)
    receipt_id = receipt_id_of(world, job_id)
    for key in (PEOPLE.other_client, PEOPLE.coordinator, PEOPLE.miner):
        with pytest.raises(NotClient):
            world.act(key, AcceptReceipt(job_id, receipt_id))
        with pytest.raises(NotClient):
            world.act(key, CancelJob(job_id, 0))


def test_only_the_assigned_miner_posts_and_releases(world: World) -> None:
    job_id = job_in(world, Phase.R)
    for key in (PEOPLE.other_miner, PEOPLE.client, PEOPLE.stranger):
        with pytest.raises(NotAssignedMiner):
            world.post(job_id, key)
        with pytest.raises(NotAssignedMiner):
            world.release(job_id, key)


def test_a_job_is_assigned_to_registered_miners_only(world: World) -> None:
    job_id = world.submit()
    with pytest.raises(MinerUnknown):
        world.assign(job_id, miner=key_of("nobody").address)


@pytest.mark.parametrize(
    ("start_by", "deadline"), [(1, 1), (1, 86_400_001), (86_400_001, 86_400_001)]
)
def test_a_jobs_times_may_lie_at_their_bounds(world: World, start_by: int, deadline: int) -> None:
    now_ms = world.now_ms
    job_id = world.submit(start_by_ms=now_ms + start_by, deadline_ms=now_ms + deadline)
    job = world.job(job_id)
    assert (job.start_by_ms, job.deadline_ms) == (now_ms + start_by, now_ms + deadline)


@pytest.mark.parametrize(
    ("start_by", "deadline", "refusal"),
    [
        (0, 900_000, JobTimesInvalid),
        (600_000, 599_999, JobTimesInvalid),
        (300_000, 86_400_002, DeadlineTooFar),
    ],
)
def test_a_jobs_times_are_ordered_and_bounded(
    world: World, start_by: int, deadline: int, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        world.submit(start_by_ms=world.now_ms + start_by, deadline_ms=world.now_ms + deadline)


def test_a_receipt_cannot_be_replaced(world: World) -> None:
    job_id = job_in(world, Phase.R)
    second = world.receipt(job_id, price=0)
    world.post(job_id)
    with pytest.raises(ReceiptExists):
        world.act(PEOPLE.miner, second)
