"""Offers: slots are sold once, accepting binds job and escrow in one step, the clock ends them."""

import pytest
from msgspec.structs import replace

from ledger.actions import (
    AcceptOffer,
    AcceptReceipt,
    Reason,
    ReleaseJob,
    RetireMiner,
    UnitType,
    UpdateMiner,
)
from ledger.checker.broken import Invariant
from ledger.errors import TransactionRejected
from ledger.hashing import sha256
from ledger.job_rejections import (
    AlreadyAssigned,
    AttemptsExhausted,
    DeadlinePassed,
    JobUnknown,
    LeaseLive,
    NotClient,
    PriceCapInvalid,
)
from ledger.miners import find_miner
from ledger.offer_rejections import (
    NotOfferMiner,
    OfferBelowFloor,
    OfferExpiryInvalid,
    OfferPriceMismatch,
    OfferUnknown,
    TooManyOffers,
)
from ledger.open_offers import find_offer, offers_of
from ledger.outcomes import Outcome, OutcomeKind
from ledger.params import OFFER_MS_MAX, OFFERS_PER_MINER_MAX
from ledger.proposal import build_block
from ledger.records import JobState, MinerOffers, Offer, Table, state_key
from ledger.rejections import MinerBusy, MinerUnknown
from ledger.types import Hash
from tests.ledger.claims import Claim, assert_broken, claim_of
from tests.ledger.offers import PRICE, accept, acceptance, offer, offering, withdraw
from tests.ledger.worlds import AITBC, PEOPLE, World

CLIENT, MINER, OTHER = PEOPLE.client, PEOPLE.miner, PEOPLE.other_miner
K = OutcomeKind


@pytest.fixture
def world() -> World:
    world = World()
    world.register()
    return world


def is_open(world: World, offer_id: Hash) -> bool:
    found = world.head.state.get(state_key(Table.OFFER, offer_id)) is not None
    assert found == (offer_id in offers_of(world.head.state, MINER.address))
    return found


def done(world: World) -> tuple[Outcome, ...]:
    """What the newest block did."""
    return world.results[-1].outcomes


# ---------------------------------------------------------------- making


def test_j27_an_offer_is_known_by_the_id_of_its_transaction(world: World) -> None:
    offer_id = offer(world, capacity=3)
    told = find_offer(world.head.state, offer_id)
    assert (told.miner, told.price, told.capacity) == (MINER.address, PRICE, 3)
    (outcome,) = done(world)
    assert outcome == Outcome(K.OFFER_POSTED, offer_id, offer_id, 3, (MINER.address,), (PRICE,))


def test_only_a_miner_offers(world: World) -> None:
    with pytest.raises(MinerUnknown):
        offer(world, CLIENT)


def test_j1_an_offer_below_the_miners_floor_is_refused(world: World) -> None:
    world.act(MINER, UpdateMiner(bytes(32), 100))
    offer(world, price=100)
    with pytest.raises(OfferBelowFloor):
        offer(world, price=99)


@pytest.mark.parametrize(("ahead_ms", "fits"), [(0, False), (1, True), (OFFER_MS_MAX + 1, True)])
def test_an_offer_expires_within_thirty_days_of_its_block(
    world: World, ahead_ms: int, fits: bool
) -> None:
    action = offering(world, expires_ms=world.now_ms + ahead_ms)
    if fits:
        world.act(MINER, action)
    else:
        with pytest.raises(OfferExpiryInvalid):
            world.act(MINER, action)
    with pytest.raises(OfferExpiryInvalid):
        offer(world, expires_ms=world.now_ms + OFFER_MS_MAX + 2)


def test_a_miner_has_a_bounded_number_of_open_offers(world: World) -> None:
    steps = [world.sign(MINER, offering(world)) for _ in range(OFFERS_PER_MINER_MAX)]
    world.block(*steps)
    with pytest.raises(TooManyOffers):
        offer(world)
    withdraw(world, world.id_of(steps[0]))
    offer(world)


# ---------------------------------------------------------------- accepting


def test_j25_accepting_binds_the_job_to_the_miner_at_the_price_in_one_step(world: World) -> None:
    job_id, offer_id = world.submit(), offer(world)
    cause = accept(world, job_id, offer_id)
    job = world.job(job_id)
    assert (job.state, job.attempt) == (JobState.RUNNING, 1)
    assert job.assignment is not None
    assert (job.assignment.miner, job.assignment.price_cap) == (MINER.address, PRICE)
    assert (job.assignment.unit_type, job.assignment.unit_price) == (UnitType.NONE, 0)
    assert job.assignment.lease_end_ms == job.deadline_ms
    assert find_miner(world.head.state, MINER.address).in_flight == 1
    assert find_offer(world.head.state, offer_id).capacity == 9
    told = (MINER.address,), (PRICE,)
    assert done(world) == (
        Outcome(K.OFFER_ACCEPTED, cause, offer_id, 9, *told),
        Outcome(K.JOB_ASSIGNED, cause, job_id, 1, *told),
    )


def test_the_price_that_is_paid_is_the_offers_and_the_rest_goes_back(world: World) -> None:
    job_id, offer_id = world.submit(), offer(world)
    accept(world, job_id, offer_id)
    receipt_id = world.post(job_id, price=PRICE, price_cap=PRICE)
    world.attest(job_id, receipt_id)
    (settled,) = (each for each in done(world) if each.kind is K.JOB_SETTLED)
    assert settled.amounts == (PRICE - PRICE // 20, PRICE // 20, AITBC - PRICE)


def test_the_last_slot_is_sold_once_in_a_block_and_the_next_job_stays_queued(world: World) -> None:
    offer_id = offer(world, capacity=1)
    first, second = world.submit(), world.submit()
    bids = [world.sign(CLIENT, acceptance(world, job, offer_id)) for job in (first, second)]
    built = build_block(world.head, bids, world.context())
    (_, rejection), *rest = built.refused
    assert not rest
    assert isinstance(rejection, OfferUnknown)
    world.block(bids[0])
    assert world.job(first).state is JobState.RUNNING
    assert world.job(second).state is JobState.QUEUED
    assert not is_open(world, offer_id)
    with pytest.raises(OfferUnknown):
        world.block(bids[1])


def test_capacity_falls_to_nothing_and_never_rises(world: World) -> None:
    offer_id = offer(world, capacity=2)
    jobs = [world.submit() for _ in range(2)]
    accept(world, jobs[0], offer_id)
    world.cancel(jobs[0])
    assert find_offer(world.head.state, offer_id).capacity == 1
    accept(world, jobs[1], offer_id)
    world.release(jobs[1])
    assert not is_open(world, offer_id)


def test_a_released_job_may_be_taken_to_another_offer_until_its_attempts_are_used_up(
    world: World,
) -> None:
    job_id, offer_id = world.submit(), offer(world)
    for _ in range(world.job(job_id).attempts_max):
        accept(world, job_id, offer_id)
        world.release(job_id)
    with pytest.raises(AttemptsExhausted):
        accept(world, job_id, offer_id)


def test_j8_the_coordinator_cannot_take_an_accepted_job_away(world: World) -> None:
    job_id, offer_id = world.submit(), offer(world)
    accept(world, job_id, offer_id)
    world.block(after_ms=world.job(job_id).deadline_ms - world.now_ms - 1)
    with pytest.raises(LeaseLive):
        world.release(job_id, PEOPLE.coordinator)
    with pytest.raises(LeaseLive):
        world.fail(job_id)


def test_j6_cancelling_an_accepted_job_compensates_the_miner(world: World) -> None:
    job_id, offer_id = world.submit(), offer(world)
    accept(world, job_id, offer_id)
    world.cancel(job_id)
    assert done(world)[-1].amounts == (PRICE // 2, AITBC - PRICE // 2)


def test_j25_only_the_jobs_client_accepts(world: World) -> None:
    job_id, offer_id = world.submit(), offer(world)
    for key in (MINER, PEOPLE.coordinator, PEOPLE.other_client):
        with pytest.raises(NotClient):
            world.act(key, AcceptOffer(job_id, offer_id, PRICE))


def test_what_is_wrong_with_an_acceptance_has_its_own_code(world: World) -> None:
    job_id, offer_id = world.submit(), offer(world)
    with pytest.raises(OfferUnknown):
        world.act(CLIENT, AcceptOffer(job_id, sha256(b"none"), PRICE))
    with pytest.raises(JobUnknown):
        world.act(CLIENT, AcceptOffer(sha256(b"none"), offer_id, PRICE))
    for price in (PRICE - 1, PRICE + 1):
        with pytest.raises(OfferPriceMismatch):
            accept(world, job_id, offer_id, price=price)
    dear = offer(world, price=AITBC + 1)
    with pytest.raises(PriceCapInvalid):
        accept(world, job_id, dear)
    accept(world, job_id, offer_id)
    with pytest.raises(AlreadyAssigned):
        accept(world, job_id, offer_id)


def test_j1_a_floor_that_was_raised_since_holds_for_an_acceptance(world: World) -> None:
    job_id, offer_id = world.submit(), offer(world)
    world.act(MINER, UpdateMiner(bytes(32), PRICE + 1))
    with pytest.raises(PriceCapInvalid):
        accept(world, job_id, offer_id)


def test_j5_a_streamed_job_can_be_taken_to_an_offer(world: World) -> None:
    job_id, offer_id = world.submit(streamed=True), offer(world)
    accept(world, job_id, offer_id)
    receipt_id = world.post(job_id, price_cap=PRICE, price=PRICE)
    world.act(CLIENT, AcceptReceipt(job_id, receipt_id))


# ---------------------------------------------------------------- leaving


def test_j16_j17_an_offer_is_in_time_at_its_limit_and_only_the_sweep_ends_it(world: World) -> None:
    limit_ms = world.now_ms // 1_000 * 1_000 + 60_500
    offer_id = offer(world, expires_ms=limit_ms)
    jobs = [world.submit(), world.submit()]
    world.block(after_ms=limit_ms - 1 - world.now_ms)
    accept(world, jobs[0], offer_id)
    assert world.now_ms == limit_ms
    with pytest.raises(DeadlinePassed):
        accept(world, jobs[1], offer_id)
    with pytest.raises(DeadlinePassed):
        withdraw(world, offer_id)
    world.block(after_ms=500)
    assert is_open(world, offer_id), "due means before the whole second"
    world.block()
    assert not is_open(world, offer_id)
    told = (MINER.address,), (PRICE,)
    assert done(world) == (Outcome(K.OFFER_EXPIRED, b"", offer_id, 9, *told),)


def test_j12_a_halt_gives_offers_no_credit(world: World) -> None:
    offer_id, _ = offer(world, expires_ms=world.now_ms + 10_000), world.submit()
    world.block(after_ms=world.head.parameters.halt_gap_ms + 10_001, halt=True)
    assert world.head.state.gap is not None
    assert not is_open(world, offer_id)


def test_only_its_miner_withdraws_an_offer(world: World) -> None:
    offer_id = offer(world)
    for key in (CLIENT, PEOPLE.coordinator, OTHER):
        with pytest.raises(NotOfferMiner):
            withdraw(world, offer_id, key)
    withdraw(world, offer_id)
    assert not is_open(world, offer_id)
    with pytest.raises(OfferUnknown):
        withdraw(world, offer_id)


def test_j23_retiring_withdraws_all_offers_and_waits_for_accepted_jobs(world: World) -> None:
    ids = sorted([offer(world), offer(world, capacity=1)])
    world.register(OTHER)
    kept = offer(world, OTHER)
    job_id = world.submit()
    accept(world, job_id, ids[0])
    with pytest.raises(MinerBusy):
        world.retire()
    world.cancel(job_id)
    left = [each for each in ids if is_open(world, each)]
    cause = world.retire()
    assert [(o.kind, o.cause, o.object_id) for o in done(world)] == [
        *((K.OFFER_WITHDRAWN, cause, offer_id) for offer_id in left),
        (K.MINER_RETIRED, cause, MINER.address),
    ]
    assert offers_of(world.head.state, OTHER.address) == (kept,)
    assert not offers_of(world.head.state, MINER.address)


def test_an_offer_comes_is_used_up_and_its_miner_retires_in_one_block(world: World) -> None:
    made = world.sign(MINER, offering(world, capacity=1))
    offer_id = world.id_of(made)
    submitted = world.sign(CLIENT, world.submission())
    taken = world.sign(CLIENT, AcceptOffer(world.id_of(submitted), offer_id, PRICE))
    released = world.sign(MINER, ReleaseJob(world.id_of(submitted), 1, Reason.MINER_DRAINING))
    world.block(made, submitted, taken, released, world.sign(MINER, RetireMiner()))
    assert world.job(world.id_of(submitted)).state is JobState.QUEUED
    assert not offers_of(world.head.state, MINER.address)


# ---------------------------------------------------------------- the checker sees it


def accepted_claim(world: World) -> tuple[Claim, bytes]:
    job_id, offer_id = world.submit(), offer(world, capacity=2)
    signed = world.sign(CLIENT, acceptance(world, job_id, offer_id))
    return claim_of(world, signed), state_key(Table.OFFER, offer_id)


def test_a_slot_that_is_not_counted_is_noticed(world: World) -> None:
    claim, key = accepted_claim(world)
    assert_broken(claim, Invariant.OUTCOMES, lambda claim: claim.delta.pop(key))


def test_an_offer_that_changes_its_price_is_noticed(world: World) -> None:
    claim, key = accepted_claim(world)

    def forge(claim: Claim) -> None:
        record = claim.record(key)
        assert isinstance(record, Offer)
        claim.put(key, replace(record, price=1))

    assert_broken(claim, Invariant.OUTCOMES, forge)


def test_a_list_that_forgets_an_offer_breaks_derived(world: World) -> None:
    kept, gone = offer(world), offer(world)
    claim = claim_of(world, full=True)
    key = state_key(Table.MINER_OFFERS, MINER.address)
    books = claim.checker._books
    books.records[key] = MinerOffers((min(kept, gone),))
    assert_broken(claim, Invariant.DERIVED)


def test_no_offer_action_changes_anything_when_it_is_refused(world: World) -> None:
    job_id, offer_id = world.submit(), offer(world)
    root = world.head.state.root
    for key, action in (
        (CLIENT, offering(world)),
        (CLIENT, AcceptOffer(job_id, offer_id, 0)),
        (OTHER, AcceptOffer(job_id, offer_id, PRICE)),
    ):
        with pytest.raises(TransactionRejected):
            world.act(key, action)
    assert world.head.state.root == root
