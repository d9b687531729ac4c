"""The checker notices jobs whose story cannot be (invariants 2 and 4)."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.actions import (
    AcceptReceipt,
    Action,
    AssignJob,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    FailJob,
    Reason,
    ReleaseJob,
    UnitType,
)
from ledger.block import block_id
from ledger.checker import Checker
from ledger.checker.broken import Invariant
from ledger.checker.roots import state_root
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.records import Supply, Table, state_key
from ledger.types import Address, Hash
from tests.ledger.claims import (
    Claim,
    assert_action_breaks,
    assert_broken,
    bystander,
    change_part,
    claim_of,
    job_of,
)
from tests.ledger.phases import Phase, job_in, receipt_id_of
from tests.ledger.worlds import AITBC, BALANCES, BUCKETS, PEOPLE, World

CLIENT, COORDINATOR, MINER = PEOPLE.client, PEOPLE.coordinator, PEOPLE.miner
MINER_KEY = state_key(Table.MINER, MINER.address)
SUPPLY_KEY = state_key(Table.SUPPLY)


@pytest.fixture
def world() -> World:
    world = World()
    world.register(name="Lab-7")
    return world


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
    supply = encode(Supply(sum(BALANCES.values()) + AITBC, 0))
    items = claim.parent_items | {key: encode(claim.record(key)), SUPPLY_KEY: supply}
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
