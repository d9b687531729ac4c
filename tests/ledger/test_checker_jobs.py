"""The checker notices jobs that are not what they can be (invariants 2, 3, 4, 9)."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.actions import (
    FEE_FREE,
    AcceptReceipt,
    Action,
    AssignJob,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    Custody,
    FailJob,
    Reason,
    RegisterMiner,
    ReleaseJob,
    RetireMiner,
    Transfer,
    UnitType,
    UpdateMiner,
)
from ledger.block import block_id
from ledger.checker import Checker, InvariantBroken
from ledger.checker.broken import Invariant
from ledger.checker.roots import state_root
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.outcomes import Outcome, OutcomeKind
from ledger.records import (
    DisputeRecord,
    Job,
    JobState,
    Miner,
    MinerNameClaim,
    Table,
    state_key,
)
from ledger.types import AMOUNT_MAX, Address, Hash
from tests.ledger.claims import Claim, assert_broken, claim_of
from tests.ledger.phases import Phase, job_in, receipt_id_of
from tests.ledger.worlds import AITBC, BUCKETS, PEOPLE, World

CLIENT, COORDINATOR, MINER = PEOPLE.client, PEOPLE.coordinator, PEOPLE.miner
MINER_KEY = state_key(Table.MINER, MINER.address)


@pytest.fixture
def world() -> World:
    world = World()
    world.register(name="Lab-7")
    return world


def bystander(world: World) -> Claim:
    """A block that has nothing to do with any job."""
    return claim_of(world, world.sign(PEOPLE.other_client, Transfer(CLIENT.address, 1)))


def job_of(claim: Claim, job_id: Hash) -> Job:
    job = claim.record(state_key(Table.JOB, job_id))
    assert isinstance(job, Job)
    return job


def change_part(part: str, **changes: Any) -> Callable[[Job], Job]:
    return lambda job: replace(job, **{part: replace(getattr(job, part), **changes)})


WRONG_FIELDS: list[tuple[str, Phase, Callable[[Job], Job]]] = [
    ("queued with a miner", Phase.R, lambda j: replace(j, state=JobState.QUEUED)),
    (
        "queued with a receipt",
        Phase.C,
        lambda j: replace(j, state=JobState.QUEUED, assignment=None),
    ),
    ("running without a miner", Phase.R, lambda j: replace(j, assignment=None)),
    ("running with a receipt", Phase.C, lambda j: replace(j, state=JobState.RUNNING)),
    ("receipt in without a receipt", Phase.C, lambda j: replace(j, receipt=None)),
    ("disputed without a dispute", Phase.D, lambda j: replace(j, dispute=None)),
    (
        "a dispute without being disputed",
        Phase.C,
        lambda j: replace(j, dispute=DisputeRecord(j.coordinator, 0, 1)),
    ),
    ("attempt 0 is running", Phase.R, lambda j: replace(j, attempt=0)),
    ("attempts above their maximum", Phase.R, lambda j: replace(j, attempts_max=0)),
    ("start_by after the deadline", Phase.Q, lambda j: replace(j, deadline_ms=1)),
    ("cap above the locked price", Phase.R, change_part("assignment", price_cap=2 * AITBC)),
    ("lease beyond the deadline", Phase.R, change_part("assignment", lease_end_ms=2**47)),
    ("streamed with a short lease", Phase.R, lambda j: replace(j, streamed=True)),
    ("unit without a price", Phase.R, change_part("assignment", unit_type=UnitType.TOKENS)),
    ("unit price without a unit", Phase.R, change_part("assignment", unit_price=1)),
    ("price above the cap", Phase.C, change_part("receipt", price=2 * AITBC)),
    ("received too late", Phase.C, change_part("receipt", received_ms=2**47, due_ms=2**47)),
    ("due before it was received", Phase.C, change_part("receipt", due_ms=1)),
    ("escrow of 0", Phase.Q, lambda j: replace(j, max_price=0)),
    ("opened by a stranger", Phase.D, change_part("dispute", opener=PEOPLE.stranger.address)),
]


@pytest.mark.parametrize(("why", "phase", "change"), WRONG_FIELDS, ids=[w[0] for w in WRONG_FIELDS])
def test_fields_that_a_jobs_state_does_not_allow_break_fields(
    world: World, why: str, phase: Phase, change: Callable[[Job], Job]
) -> None:
    job_id = job_in(world, phase)

    def forge(claim: Claim) -> None:
        claim.put(state_key(Table.JOB, job_id), change(job_of(claim, job_id)))

    assert_broken(bystander(world), Invariant.FIELDS, forge)


def test_a_bond_in_the_coordinators_dispute_breaks_fields(world: World) -> None:
    job_id = job_in(world, Phase.D)

    def forge(claim: Claim) -> None:
        job = change_part("dispute", bond=5)(job_of(claim, job_id))
        claim.put(state_key(Table.JOB, job_id), job)
        claim.give(CLIENT.address, -5)

    assert_broken(bystander(world), Invariant.FIELDS, forge)


def test_an_escrow_beyond_the_range_of_amounts_breaks_supply(world: World) -> None:
    job_id = job_in(world, Phase.D)

    def forge(claim: Claim) -> None:
        job = change_part("dispute", bond=1)(job_of(claim, job_id))
        claim.put(state_key(Table.JOB, job_id), replace(job, max_price=AMOUNT_MAX))

    broken = assert_broken(bystander(world), Invariant.SUPPLY, forge)
    assert broken.found == AMOUNT_MAX + 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"\x63" + bytes(20), b"\x91\x01"),
        (b"", b"\x91\x01"),
        (state_key(Table.ACCOUNT, bytes(19)), b"\x91\x01"),
        (state_key(Table.ACCOUNT, bytes(20)), b"\x91\xcc\x01"),
        (state_key(Table.JOB, bytes(32)), b"\x91\x01"),
    ],
    ids=["unknown table", "no table", "short id", "not canonical", "another table's record"],
)
def test_records_that_are_no_records_break_fields(world: World, key: bytes, value: bytes) -> None:
    assert_broken(bystander(world), Invariant.FIELDS, lambda c: c.delta.__setitem__(key, value))


def test_terms_that_change_after_they_were_locked_break_the_jobs_story(world: World) -> None:
    job_id = job_in(world, Phase.R)
    for change in (
        {"client": PEOPLE.stranger.address},
        {"share_bp": 0},
        {"payload_digest": bytes(32)},
        {"attempt": 2},
        {"receipt_grace_ms": 1},
    ):

        def forge(claim: Claim, change: dict[str, Any] = change) -> None:
            job = replace(job_of(claim, job_id), **change)
            claim.put(state_key(Table.JOB, job_id), job)

        assert_broken(bystander(world), Invariant.ONE_ENDING, forge)


def test_a_job_that_ends_and_stays_breaks_its_ending(world: World) -> None:
    job_id = job_in(world, Phase.Q)
    claim = claim_of(world, world.sign(CLIENT, CancelJob(job_id, 0)))

    def forge(claim: Claim) -> None:
        del claim.delta[state_key(Table.JOB, job_id)]
        claim.give(CLIENT.address, -AITBC)

    assert_broken(claim, Invariant.OUTCOMES, forge)


def test_a_job_that_leaves_without_ending_breaks_its_ending(world: World) -> None:
    job_id = job_in(world, Phase.Q)

    def forge(claim: Claim) -> None:
        claim.put(state_key(Table.JOB, job_id), None)
        claim.give(CLIENT.address, AITBC)

    assert_broken(bystander(world), Invariant.OUTCOMES, forge)


def test_parts_that_are_not_all_that_was_locked_break_its_ending(world: World) -> None:
    job_id = job_in(world, Phase.Q)
    claim = claim_of(world, world.sign(CLIENT, CancelJob(job_id, 0)))

    def forge(claim: Claim) -> None:
        claim.outcomes[-1] = replace(claim.outcomes[-1], amounts=(AITBC - 1,))

    broken = assert_broken(claim, Invariant.ONE_ENDING, forge)
    assert (broken.expected, broken.found) == (AITBC, AITBC - 1)


def test_two_endings_break_its_ending(world: World) -> None:
    job_id = job_in(world, Phase.Q)
    claim = claim_of(world, world.sign(CLIENT, CancelJob(job_id, 0)))
    assert_broken(claim, Invariant.ONE_ENDING, lambda c: c.outcomes.append(c.outcomes[-1]))


def test_an_ending_without_a_cause_breaks_its_ending(world: World) -> None:
    job_id = job_in(world, Phase.Q)
    claim = claim_of(world, world.sign(CLIENT, CancelJob(job_id, 0)))
    ending = claim.outcomes[-1]
    other = bystander(world)
    assert_broken(
        other, Invariant.ONE_ENDING, lambda c: c.outcomes.append(replace(ending, object_id=job_id))
    )


def assert_action_breaks(
    world: World, key: KeyPair, action: Action, invariant: Invariant
) -> InvariantBroken:
    """Put an action into a block as a broken node would; the checker must not follow it."""
    fee = 0 if isinstance(action, FEE_FREE) else AITBC // 100
    claim = bystander(world)
    return assert_broken(claim, invariant, lambda c: c.resign(key, action=action, fee=fee))


WRONG_ACTIONS: list[tuple[str, Phase, KeyPair, Callable[[World, Hash], Action]]] = [
    ("a second receipt", Phase.C, MINER, lambda w, j: w.receipt(j)),
    ("a receipt of a queued job", Phase.Q, MINER, lambda w, j: w.receipt(j)),
    ("a receipt of another attempt", Phase.R, MINER, lambda w, j: w.receipt(j, attempt=2)),
    ("a receipt of another miner", Phase.R, PEOPLE.other_miner, lambda w, j: w.receipt(j)),
    ("an attempt skipped", Phase.Q, COORDINATOR, lambda w, j: w.assignment(j, attempt=2)),
    ("assigned again in the lease", Phase.R, COORDINATOR, lambda w, j: w.assignment(j)),
    ("assigned by the client", Phase.Q, CLIENT, lambda w, j: w.assignment(j)),
    (
        "released by the coordinator in the lease",
        Phase.R,
        COORDINATOR,
        lambda w, j: ReleaseJob(j, 1, Reason.UNSPECIFIED),
    ),
    ("released when queued", Phase.Q, MINER, lambda w, j: ReleaseJob(j, 0, Reason.UNSPECIFIED)),
    ("failed in the lease", Phase.R, COORDINATOR, lambda w, j: FailJob(j, 1, Reason.NO_PAYLOAD)),
    (
        "failed after the receipt",
        Phase.C,
        COORDINATOR,
        lambda w, j: FailJob(j, 1, Reason.NO_PAYLOAD),
    ),
    ("cancelled by a stranger", Phase.Q, PEOPLE.other_client, lambda w, j: CancelJob(j, 0)),
    ("cancelled after the receipt", Phase.C, CLIENT, lambda w, j: CancelJob(j, 0)),
    ("accepted by the miner", Phase.C, MINER, lambda w, j: AcceptReceipt(j, receipt_id_of(w, j))),
    ("accepted: another receipt", Phase.C, CLIENT, lambda w, j: AcceptReceipt(j, bytes(32))),
    (
        "attested by the miner",
        Phase.C,
        MINER,
        lambda w, j: AttestReceipt(j, receipt_id_of(w, j), AttestationKind.DELIVERY),
    ),
    (
        "attested twice",
        Phase.A,
        COORDINATOR,
        lambda w, j: AttestReceipt(j, receipt_id_of(w, j), AttestationKind.DELIVERY),
    ),
    ("an unknown job", Phase.Q, CLIENT, lambda w, j: CancelJob(bytes(32), 0)),
]


@pytest.mark.parametrize(
    ("why", "phase", "key", "make"), WRONG_ACTIONS, ids=[w[0] for w in WRONG_ACTIONS]
)
def test_actions_that_no_ledger_should_accept_break_the_jobs_story(
    world: World, why: str, phase: Phase, key: KeyPair, make: Callable[[World, Hash], Action]
) -> None:
    job_id = job_in(world, phase)
    assert_action_breaks(world, key, make(world, job_id), Invariant.ONE_ENDING)


def test_compensation_above_the_clients_limit_breaks_the_jobs_story(world: World) -> None:
    job_id = job_in(world, Phase.R)
    claim = claim_of(world, world.sign(CLIENT, CancelJob(job_id, AITBC // 2)))

    def forge(claim: Claim) -> None:
        fee = claim.block.transactions[-1].transaction.fee
        cause = claim.resign(CLIENT, action=CancelJob(job_id, AITBC // 2 - 1), fee=fee)
        claim.outcomes[-1] = replace(claim.outcomes[-1], cause=cause)

    broken = assert_broken(claim, Invariant.ONE_ENDING, forge)
    assert "compensation" in broken.what


def test_an_assignment_to_nobody_breaks_fields(world: World) -> None:
    job_id = job_in(world, Phase.Q)
    claim = claim_of(world, world.sign(COORDINATOR, world.assignment(job_id)))

    def forge(claim: Claim) -> None:
        nobody = PEOPLE.stranger.address
        cause = claim.resign(COORDINATOR, action=world_assignment(claim, nobody))
        job = change_part("assignment", miner=nobody)(job_of(claim, job_id))
        claim.put(state_key(Table.JOB, job_id), job)
        told = claim.outcomes[-1]
        claim.outcomes[-1] = replace(told, cause=cause, parties=(nobody,))
        del claim.delta[MINER_KEY]

    broken = assert_broken(claim, Invariant.FIELDS, forge)
    assert (broken.expected, broken.found) == ("registered", None)


def world_assignment(claim: Claim, miner: Address) -> AssignJob:
    action = claim.block.transactions[-1].transaction.action
    assert isinstance(action, AssignJob)
    return replace(action, miner=miner)


def test_a_submission_under_the_id_of_a_live_job_breaks_the_jobs_story(world: World) -> None:
    parent, signed = world.head.header, world.sign(CLIENT, world.submission())
    claim = claim_of(world, signed)
    key = state_key(Table.JOB, world.id_of(signed))
    items = claim.parent_items | {key: encode(claim.record(key))}
    parent = replace(parent, state_root=state_root(items.items(), BUCKETS))
    claim.checker = Checker(world.head.tags, parent, items, BUCKETS)
    claim.set_header(parent_id=block_id(world.head.tags, parent))
    del claim.delta[key]
    claim.give(CLIENT.address, AITBC)
    assert_broken(claim, Invariant.ONE_ENDING)


def test_a_price_that_is_not_by_unit_breaks_fields(world: World) -> None:
    job_id = world.submit()
    world.assign(job_id, unit_type=UnitType.TOKENS, unit_price=1_000)
    signed = world.sign(MINER, world.receipt(job_id, price=12_000))
    claim = claim_of(world, signed)

    def forge(claim: Claim) -> None:
        action = replace(claim.block.transactions[-1].transaction.action, price=12_001)
        claim.resign(MINER, action=action)

    broken = assert_broken(claim, Invariant.FIELDS, forge)
    assert (broken.expected, broken.found) == (12_000, 12_001)


# ---------------------------------------------------------------- due (invariant 3)


def test_a_block_that_leaves_out_what_is_due_breaks_due(world: World) -> None:
    job_id = job_in(world, Phase.Q)
    claim = claim_of(world, after_ms=1_000_000)
    assert claim.outcomes

    def forge(claim: Claim) -> None:
        claim.outcomes.clear()
        claim.delta.clear()

    broken = assert_broken(claim, Invariant.DUE, forge)
    assert broken.expected == [job_id]


def test_a_block_that_ends_a_job_too_early_breaks_due(world: World) -> None:
    job_in(world, Phase.Q)
    claim = claim_of(world, after_ms=1_000_000)
    claim.set_header(timestamp_ms=claim.block.header.timestamp_ms - 900_000)
    assert_broken(claim, Invariant.DUE)


def test_due_items_in_another_order_break_due(world: World) -> None:
    job_in(world, Phase.Q)
    job_in(world, Phase.Q)
    claim = claim_of(world, after_ms=1_000_000)
    assert len(claim.outcomes) == 2
    assert_broken(claim, Invariant.DUE, lambda claim: claim.outcomes.reverse())


@pytest.mark.parametrize(("late_ms", "breaks"), [(0, False), (1, True)])
def test_an_action_between_limit_and_sweep_breaks_due(
    world: World, late_ms: int, breaks: bool
) -> None:
    limit_ms = world.now_ms // 1_000 * 1_000 + 60_500
    job_id = world.submit(start_by_ms=limit_ms)
    signed = world.sign(CLIENT, CancelJob(job_id, 0))
    claim = claim_of(world, signed, after_ms=limit_ms - world.now_ms)
    claim.set_header(timestamp_ms=limit_ms + late_ms)
    if breaks:
        assert_broken(claim, Invariant.DUE)
    else:
        claim.check()


# ---------------------------------------------------------------- derived sets (invariant 9)


def miner_claim(world: World) -> Claim:
    return claim_of(world, world.sign(MINER, UpdateMiner(bytes(32), 5)))


def miscount(claim: Claim) -> None:
    miner = claim.record(MINER_KEY)
    assert isinstance(miner, Miner)
    claim.put(MINER_KEY, replace(miner, in_flight=miner.in_flight + 1))


@pytest.mark.parametrize("phase", [Phase.Q, Phase.R, Phase.C])
def test_a_wrong_count_of_jobs_in_flight_breaks_derived(world: World, phase: Phase) -> None:
    job_in(world, phase)
    assert_broken(miner_claim(world), Invariant.DERIVED, miscount)
    assert_broken(bystander(world), Invariant.DERIVED, miscount)


def test_an_assignment_that_is_not_counted_breaks_derived(world: World) -> None:
    job_id = job_in(world, Phase.Q)
    claim = claim_of(world, world.sign(COORDINATOR, world.assignment(job_id)))
    assert_broken(claim, Invariant.DERIVED, lambda claim: claim.delta.pop(MINER_KEY))


def test_a_name_that_is_taken_twice_breaks_derived(world: World) -> None:
    action = RegisterMiner("Lab-8", bytes(32), 0, 0, Custody.OWN)
    claim = claim_of(world, world.sign(PEOPLE.other_miner, action))

    def forge(claim: Claim) -> None:
        claim.resign(PEOPLE.other_miner, action=replace(action, name="LAB-7"))

    assert_broken(claim, Invariant.DERIVED, forge)


def test_an_update_of_no_miner_breaks_derived(world: World) -> None:
    assert_action_breaks(world, CLIENT, UpdateMiner(bytes(32), 5), Invariant.DERIVED)


@pytest.mark.parametrize("part", ["due", "_in_flight"])
def test_books_that_went_wrong_are_noticed_in_full_mode(world: World, part: str) -> None:
    job_in(world, Phase.R)
    claim = claim_of(world, full=True)
    getattr(claim.checker._books, part).popitem()
    assert_broken(claim, Invariant.DERIVED)


def test_a_miner_that_retires_with_jobs_breaks_derived(world: World) -> None:
    job_in(world, Phase.R)

    def forge(claim: Claim) -> None:
        fee = claim.block.transactions[0].transaction.fee
        cause = claim.resign(MINER, action=RetireMiner())
        claim.give(CLIENT.address, -1)
        claim.give(PEOPLE.other_client.address, fee + 1)
        claim.give(MINER.address, -fee)
        claim.put(MINER_KEY, None)
        claim.put(state_key(Table.MINER_NAME, b"lab-7"), None)
        kind, told = OutcomeKind.MINER_RETIRED, ((MINER.address,), (0,))
        claim.outcomes.append(Outcome(kind, cause, MINER.address, 0, *told))

    assert_broken(bystander(world), Invariant.DERIVED, forge)


@pytest.mark.parametrize(
    "forge",
    [
        lambda items: items.pop(state_key(Table.MINER_NAME, b"lab-7")),
        lambda items: items.__setitem__(
            state_key(Table.MINER_NAME, b"lab-7"), encode(MinerNameClaim(CLIENT.address))
        ),
        lambda items: items.__setitem__(
            state_key(Table.MINER_NAME, b"lab-9"), encode(MinerNameClaim(MINER.address))
        ),
    ],
    ids=["no claim", "another's claim", "a second claim"],
)
def test_names_and_miners_that_disagree_break_derived(
    world: World, forge: Callable[[dict[bytes, bytes]], object]
) -> None:
    view = world.head
    items = {key: encode(record) for key, record in view.state.items()}
    forge(items)
    with pytest.raises(InvariantBroken, match=r"invariant 9 \(derived\)"):
        Checker(view.tags, view.header, items, BUCKETS)
