"""The checker notices records that are not what they can be (invariant 2)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ledger.actions import (
    UnitType,
)
from ledger.checker.broken import Invariant
from ledger.records import (
    DisputeRecord,
    Job,
    JobState,
    Table,
    state_key,
)
from ledger.types import AMOUNT_MAX
from tests.ledger.claims import (
    Claim,
    assert_broken,
    bystander,
    change_part,
    job_of,
)
from tests.ledger.phases import DISPUTE_BOND, Phase, job_in
from tests.ledger.worlds import AITBC, PEOPLE, World

CLIENT = PEOPLE.client


@pytest.fixture
def world() -> World:
    world = World()
    world.register(name="Lab-7")
    return world


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
    ("due before it was received", Phase.C, change_part("receipt", due_ms=1)),
    ("escrow of 0", Phase.Q, lambda j: replace(j, max_price=0)),
    ("opened by a stranger", Phase.D, change_part("dispute", opener=PEOPLE.stranger.address)),
    ("a coordinator's bond", Phase.D, change_part("dispute", bond=DISPUTE_BOND)),
    ("a client without a bond", Phase.F, change_part("dispute", bond=0)),
    ("a client with half a bond", Phase.F, change_part("dispute", bond=DISPUTE_BOND // 2)),
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
