"""Clients' disputes, the authorities' rulings and who gets the bond (J3, J13), by their attacks."""

import pytest
from msgspec.structs import replace

from ledger.actions import AttestationKind, CastVote, DisputeReceipt, Reason
from ledger.fees import fee_free_slot, spend_of
from ledger.job_rejections import (
    DeadlinePassed,
    DisputeBondMismatch,
    InDispute,
    JobUnknown,
    NotClient,
    NotCoordinator,
    NotDisputed,
    ReceiptMismatch,
)
from ledger.motions import RemoveCoordinator, ResolveDispute, SetParameter
from ledger.opening import open_block
from ledger.outcomes import RULED, Outcome, OutcomeKind
from ledger.records import JobState, Table, state_key
from ledger.rejections import InsufficientBalance
from ledger.rulings import check_ruling, rule_dispute
from ledger.types import Hash
from tests.ledger.phases import (
    DISPUTE_BOND,
    Phase,
    decide,
    dispute_as_client,
    job_in,
    receipt_id_of,
    rule,
)
from tests.ledger.worlds import AITBC, AWAKE, PEOPLE, World, genesis_of

CLIENT, COORDINATOR, MINER = PEOPLE.client, PEOPLE.coordinator, PEOPLE.miner
PRICE = 600_000_001
SHARE = PRICE // 20
"""The coordinator's 5 %, rounded down."""
B, M = DISPUTE_BOND, AITBC

SETTLED, REFUNDED = OutcomeKind.JOB_SETTLED, OutcomeKind.JOB_REFUNDED
BOOLEANS = (True, False)


@pytest.fixture
def world() -> World:
    world = World()
    world.register()
    return world


def disputed(world: World, *, attested: bool, by_client: bool = True) -> Hash:
    """Return a job of M whose receipt claims PRICE and is disputed."""
    job_id = world.submit(dispute_ms=120_000)
    world.assign(job_id)
    receipt_id = world.post(job_id, price=PRICE)
    if attested:
        world.attest(job_id, receipt_id)
    if by_client:
        dispute_as_client(world, job_id)
    else:
        world.dispute(job_id, receipt_id)
    return job_id


def accepted(world: World, job_id: Hash) -> Outcome:
    world.accept(job_id, receipt_id_of(world, job_id))
    return world.results[-1].outcomes[-1]


def end_by(world: World, job_id: Hash, end: str) -> Outcome:
    """Let a dispute end by a ruling, by acceptance or by nobody; return the outcome."""
    if end == "accepted":
        return accepted(world, job_id)
    if end == "nobody":
        dispute = world.job(job_id).dispute
        assert dispute is not None
        (result,) = world.run_to(dispute.due_ms + 1_001)
        return result.outcomes[0]
    return rule(world, job_id, for_miner=end == "miner")


# ---------------------------------------------------------------- opening


def test_j13_a_dispute_locks_the_bond_and_freezes_the_job(world: World) -> None:
    job_id = job_in(world, Phase.C)
    before = world.balance(CLIENT.address)
    identifier = dispute_as_client(world, job_id)
    job, (outcome,) = world.job(job_id), world.results[-1].outcomes
    fee = world.blocks[-1].transactions[0].transaction.fee
    assert fee > 0, "a client's action pays its own fee (J10)"
    assert world.balance(CLIENT.address) == before - fee - B
    assert job.state is JobState.DISPUTED
    assert job.dispute is not None
    assert (job.dispute.opener, job.dispute.bond) == (CLIENT.address, B)
    assert job.dispute.due_ms == world.now_ms + job.resolve_ms
    assert (outcome.kind, outcome.cause) == (OutcomeKind.RECEIPT_DISPUTED, identifier)
    assert (outcome.parties, outcome.amounts) == ((CLIENT.address,), (B,))
    assert outcome.code == Reason.RESULT_MALFORMED


@pytest.mark.parametrize("bond", [0, 1, B - 1, B + 1])
def test_j13_a_client_locks_the_bond_and_neither_less_nor_more(world: World, bond: int) -> None:
    job_id = job_in(world, Phase.C)
    with pytest.raises(DisputeBondMismatch) as refused:
        dispute_as_client(world, job_id, bond=bond)
    assert refused.value.expected == B


def test_j13_a_client_that_cannot_pay_bond_and_fee_cannot_dispute() -> None:
    world = World(genesis_of(balances={CLIENT.address: M + 50_000, MINER.address: AITBC}))
    world.register()
    job_id = job_in(world, Phase.C)
    with pytest.raises(InsufficientBalance):
        dispute_as_client(world, job_id)
    world.transfer(MINER, CLIENT.address, B)
    dispute_as_client(world, job_id)


def test_j3_nobody_disputes_with_a_bond_but_the_client(world: World) -> None:
    job_id = job_in(world, Phase.C)
    for key in (MINER, COORDINATOR, PEOPLE.other_client):
        with pytest.raises(NotClient):
            dispute_as_client(world, job_id, key=key, bond=B)


def test_j2_a_dispute_names_the_receipt_that_is_in(world: World) -> None:
    job_id = job_in(world, Phase.C)
    with pytest.raises(ReceiptMismatch):
        world.act(CLIENT, DisputeReceipt(job_id, bytes(32), Reason.NO_SOURCE, B))


@pytest.mark.parametrize("phase", [Phase.D, Phase.F])
def test_j13_a_job_is_disputed_once(world: World, phase: Phase) -> None:
    job_id = job_in(world, phase)
    before = world.balance(CLIENT.address)
    with pytest.raises(InDispute):
        dispute_as_client(world, job_id)
    with pytest.raises(InDispute):
        world.dispute(job_id, receipt_id_of(world, job_id))
    assert world.balance(CLIENT.address) == before


def test_j13_the_last_millisecond_of_the_window_is_in_time(world: World) -> None:
    job_id = job_in(world, Phase.A, dispute_ms=60_000)
    receipt = world.job(job_id).receipt
    assert receipt is not None
    dispute_as_client(world, job_id, after_ms=receipt.due_ms - world.now_ms)
    assert world.job(job_id).state is JobState.DISPUTED


def test_j3_a_coordinator_that_is_its_own_client_disputes_for_nothing_or_with_the_bond() -> None:
    for bond in (0, B):
        world = World()
        world.register()
        job_id = world.submit(COORDINATOR)
        world.assign(job_id)
        receipt_id = world.post(job_id)
        world.act(COORDINATOR, DisputeReceipt(job_id, receipt_id, Reason.NO_SOURCE, bond))
        assert world.job(job_id).dispute.bond == bond


def test_j15_a_removed_coordinator_can_dispute_as_the_client_that_it_is(world: World) -> None:
    job_id = world.submit(COORDINATOR)
    world.assign(job_id)
    receipt_id = world.post(job_id)
    decide(world, RemoveCoordinator(COORDINATOR.address))
    with pytest.raises(NotCoordinator):
        world.act(COORDINATOR, DisputeReceipt(job_id, receipt_id, Reason.NO_SOURCE, 0))
    world.act(COORDINATOR, DisputeReceipt(job_id, receipt_id, Reason.NO_SOURCE, B))


def test_t7_a_clients_dispute_takes_its_bond_and_fee_and_no_free_place(world: World) -> None:
    action = DisputeReceipt(bytes(32), bytes(32), Reason.NO_SOURCE, B)
    paying = world.sign(CLIENT, action).transaction
    assert spend_of(paying) == paying.fee + B
    assert fee_free_slot(paying) is None
    free = world.sign(COORDINATOR, replace(action, bond=0)).transaction
    assert (free.fee, spend_of(free)) == (0, 0)
    assert fee_free_slot(free) is not None


# ---------------------------------------------------------------- how it ends


@pytest.mark.parametrize(
    ("attested", "end", "kind", "amounts"),
    [
        (True, "miner", SETTLED, (PRICE - SHARE + B, SHARE, M - PRICE)),
        (False, "miner", SETTLED, (PRICE - SHARE + B, 0, M - PRICE + SHARE)),
        (True, "client", REFUNDED, (M + B,)),
        (False, "client", REFUNDED, (M + B,)),
        (True, "nobody", SETTLED, (PRICE - SHARE, SHARE, M - PRICE + B)),
        (False, "nobody", REFUNDED, (M + B,)),
        (True, "accepted", SETTLED, (PRICE - SHARE, SHARE, M - PRICE + B)),
        (False, "accepted", SETTLED, (PRICE - SHARE, 0, M - PRICE + SHARE + B)),
    ],
)
def test_j13_the_bond_goes_where_the_table_says(
    world: World, *, attested: bool, end: str, kind: OutcomeKind, amounts: tuple[int, ...]
) -> None:
    job_id = disputed(world, attested=attested)
    told = end_by(world, job_id, end)
    assert (told.kind, told.amounts) == (kind, amounts)
    assert sum(told.amounts) == M + B
    assert told.code == (RULED if end in {"miner", "client"} else 0)
    parties = (MINER.address, COORDINATOR.address, CLIENT.address)
    assert told.parties == (parties if kind is SETTLED else (CLIENT.address,))
    assert world.head.state.get(state_key(Table.JOB, job_id)) is None


@pytest.mark.parametrize(
    ("attested", "end", "amounts"),
    [
        (True, "miner", (PRICE - SHARE, SHARE, M - PRICE)),
        (False, "miner", (PRICE - SHARE, 0, M - PRICE + SHARE)),
        (False, "client", (M,)),
        (True, "nobody", (PRICE - SHARE, SHARE, M - PRICE)),
        (False, "nobody", (M,)),
    ],
)
def test_j3_a_coordinators_dispute_has_no_bond_to_win_or_to_lose(
    world: World, *, attested: bool, end: str, amounts: tuple[int, ...]
) -> None:
    job_id = disputed(world, attested=attested, by_client=False)
    assert end_by(world, job_id, end).amounts == amounts


def test_j3_what_is_attested_in_the_dispute_decides_its_end(world: World) -> None:
    job_id = disputed(world, attested=False)
    receipt_id = receipt_id_of(world, job_id)
    world.attest(job_id, receipt_id, AttestationKind.RERUN)
    world.attest(job_id, receipt_id)
    assert world.job(job_id).state is JobState.DISPUTED
    assert end_by(world, job_id, "nobody").kind is SETTLED


def test_j13_a_re_run_alone_does_not_save_the_miner(world: World) -> None:
    job_id = disputed(world, attested=False)
    world.attest(job_id, receipt_id_of(world, job_id), AttestationKind.RERUN)
    assert end_by(world, job_id, "nobody").kind is REFUNDED


def test_e4_bond_and_time_of_a_dispute_are_those_of_the_lock(world: World) -> None:
    """Authorities must not make a dispute dearer when they hear that one is coming."""
    world = World(genesis_of(replace(AWAKE, epoch_ms=10_000)))
    world.register()
    job_id = job_in(world, Phase.C)
    for name, value in (("dispute_bond", 500 * AITBC), ("resolve_ms", 10_000)):
        decide(world, SetParameter(name, value))
    world.block(after_ms=10_001)
    assert world.head.parameters.dispute_bond == 500 * AITBC
    dispute_as_client(world, job_id)
    dispute = world.job(job_id).dispute
    assert dispute is not None
    assert (dispute.bond, dispute.due_ms) == (B, world.now_ms + AWAKE.resolve_ms)
    assert world.job(world.submit()).dispute_bond == 500 * AITBC


# ---------------------------------------------------------------- rulings


def test_j13_a_ruling_names_the_vote_that_passed_it(world: World) -> None:
    job_id = disputed(world, attested=True)
    vote = decide(world, ResolveDispute(job_id, for_miner=True))
    kinds = [outcome.kind for outcome in world.results[-1].outcomes]
    assert kinds == [OutcomeKind.BALLOT_OPENED, OutcomeKind.BALLOT_PASSED, SETTLED]
    assert world.results[-1].outcomes[-1].cause == vote


@pytest.mark.parametrize("phase", [Phase.Q, Phase.R, Phase.L, Phase.C, Phase.A])
def test_j3_authorities_do_not_rule_where_nobody_disputes(world: World, phase: Phase) -> None:
    job_id = job_in(world, phase)
    for for_miner in BOOLEANS:
        with pytest.raises(NotDisputed):
            rule(world, job_id, for_miner=for_miner)


def test_j29_authorities_do_not_rule_on_what_has_ended(world: World) -> None:
    job_id = disputed(world, attested=True)
    accepted(world, job_id)
    for unknown in (job_id, bytes(32)):
        with pytest.raises(JobUnknown):
            rule(world, unknown, for_miner=True)


def test_j16_a_ruling_is_in_time_to_the_last_millisecond(world: World) -> None:
    job_id = disputed(world, attested=False)
    dispute = world.job(job_id).dispute
    assert dispute is not None
    world.block(after_ms=dispute.due_ms - 1 - world.now_ms)
    with pytest.raises(DeadlinePassed):
        rule(world, job_id, for_miner=True, after_ms=2)
    assert rule(world, job_id, for_miner=True).kind is SETTLED


def test_j13_a_refused_ruling_changes_nothing(world: World) -> None:
    job_id = job_in(world, Phase.C)
    env = open_block(world.head, world.now_ms + 1)
    for ask in (
        lambda: check_ruling(env, job_id),
        lambda: rule_dispute(env, bytes(32), job_id, for_miner=True),
    ):
        with pytest.raises(NotDisputed):
            ask()
    assert not env.outcomes
    assert not env.state.changes


def test_a_vote_that_comes_after_the_job_has_ended_is_refused() -> None:
    world = World(genesis_of(validators=4))
    world.register()
    job_id = disputed(world, attested=True)
    ballot_id = decide(world, ResolveDispute(job_id, for_miner=False))
    vote = CastVote(ballot_id=ballot_id, motion=None, support=True)
    world.act(PEOPLE.validators[1], vote)
    assert world.job(job_id).state is JobState.DISPUTED, "two of four are not enough"
    accepted(world, job_id)
    with pytest.raises(JobUnknown):
        world.act(PEOPLE.validators[2], vote)


def test_j3_one_authority_of_four_settles_nothing() -> None:
    world = World(genesis_of(validators=4))
    world.register()
    job_id = disputed(world, attested=False)
    for for_miner in BOOLEANS:
        decide(world, ResolveDispute(job_id, for_miner=for_miner))
    assert world.job(job_id).state is JobState.DISPUTED
