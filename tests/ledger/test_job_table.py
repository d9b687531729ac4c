"""Every state × action cell of ledger-rules.md, decided and as the rules say."""

import os
from pathlib import Path

import pytest

from ledger.due import job_limit_ms
from ledger.errors import TransactionRejected
from ledger.hashing import sha256
from ledger.jobs import AUTOMATIC, TABLE, Row, Step
from ledger.opening import open_block
from ledger.outcomes import JOB_ENDS, OutcomeKind
from ledger.records import JobState, Table, state_key
from ledger.rulings import rule_dispute
from tests.ledger.job_states_document import render
from tests.ledger.offers import offer
from tests.ledger.phases import ACTION_OF, Phase, job_in
from tests.ledger.worlds import World

DOCUMENT = Path(__file__).parents[2] / "docs" / "job-states.md"

# Rows and columns as ledger-rules.md has them: a phase to go to, an ending, or a rejection.
EXPECTED = {
    Row.ASSIGN: "RUNNING LEASE_LIVE RUNNING RECEIPT_EXISTS RECEIPT_EXISTS",
    Row.ACCEPT_OFFER: "RUNNING ALREADY_ASSIGNED ALREADY_ASSIGNED RECEIPT_EXISTS RECEIPT_EXISTS",
    Row.RELEASE_BY_MINER: "NOT_RUNNING QUEUED QUEUED RECEIPT_EXISTS RECEIPT_EXISTS",
    Row.RELEASE_BY_COORDINATOR: "NOT_RUNNING LEASE_LIVE QUEUED RECEIPT_EXISTS RECEIPT_EXISTS",
    Row.POST_RECEIPT: "NOT_RUNNING RECEIPT_IN RECEIPT_IN RECEIPT_EXISTS RECEIPT_EXISTS",
    Row.ATTEST: "NO_RECEIPT NO_RECEIPT NO_RECEIPT RECEIPT_IN DISPUTED",
    Row.ACCEPT: "NO_RECEIPT NO_RECEIPT NO_RECEIPT JOB_SETTLED JOB_SETTLED",
    Row.DISPUTE_BY_CLIENT: "NO_RECEIPT NO_RECEIPT NO_RECEIPT DISPUTED IN_DISPUTE",
    Row.DISPUTE_BY_COORDINATOR: "NO_RECEIPT NO_RECEIPT NO_RECEIPT DISPUTED IN_DISPUTE",
    Row.RESOLVE: "NOT_DISPUTED NOT_DISPUTED NOT_DISPUTED NOT_DISPUTED JOB_REFUNDED",
    Row.FAIL: "JOB_FAILED LEASE_LIVE JOB_FAILED RECEIPT_EXISTS RECEIPT_EXISTS",
    Row.CANCEL: "JOB_CANCELLED JOB_CANCELLED JOB_CANCELLED RECEIPT_EXISTS RECEIPT_EXISTS",
}
PHASES = (Phase.Q, Phase.R, Phase.L, Phase.C, Phase.D)
CELLS = [
    pytest.param(row, phase, expected, id=f"{row.name}-{phase.name}")
    for row, cells in EXPECTED.items()
    for phase, expected in zip(PHASES, cells.split(), strict=True)
]
ENDED_BY_SWEEP = {
    Phase.Q: OutcomeKind.JOB_EXPIRED,
    Phase.R: OutcomeKind.JOB_EXPIRED,
    Phase.L: OutcomeKind.JOB_EXPIRED,
    Phase.C: OutcomeKind.JOB_SETTLED,
    Phase.A: OutcomeKind.JOB_SETTLED,
    Phase.D: OutcomeKind.JOB_REFUNDED,
    Phase.E: OutcomeKind.JOB_SETTLED,
    Phase.F: OutcomeKind.JOB_REFUNDED,
    Phase.G: OutcomeKind.JOB_SETTLED,
}


def attempt(world: World, row: Row, job_id: bytes, *, after_ms: int = 1) -> str:
    """Take a row's action; return the rejection's code, the ending, or the state reached."""
    if row is Row.RESOLVE:
        return ruling(world, job_id, after_ms=after_ms)
    key, action_of = ACTION_OF[row]
    signed = world.sign(key, action_of(world, job_id), valid_for_ms=600_000)
    try:
        result = world.block(signed, after_ms=after_ms)
    except TransactionRejected as rejection:
        return rejection.code
    endings = [outcome.kind.name for outcome in result.outcomes if outcome.kind in JOB_ENDS]
    record = world.head.state.get(state_key(Table.JOB, job_id))
    assert (record is None) == bool(endings), "a job leaves the state exactly when it ends (J29)"
    return endings[0] if endings else world.job(job_id).state.name


def ruling(world: World, job_id: bytes, *, after_ms: int = 1) -> str:
    """Rule for the client in the next block as a ballot would; return what `attempt` does."""
    env = open_block(world.head, world.now_ms + after_ms)
    try:
        rule_dispute(env, sha256(b"vote"), job_id, for_miner=False)
    except TransactionRejected as rejection:
        assert not env.outcomes
        return rejection.code
    (outcome,) = env.outcomes
    assert env.state.get(state_key(Table.JOB, job_id)) is None
    return outcome.kind.name


def test_the_table_decides_every_action_in_every_state() -> None:
    assert {row: set(cells) for row, cells in TABLE.items()} == {row: set(JobState) for row in Row}
    assert set(AUTOMATIC) == set(JobState)
    assert set(EXPECTED) == set(Row)
    assert set(ACTION_OF) == set(Row) - {Row.RESOLVE}, "a ballot rules, not a signer"


@pytest.mark.parametrize(("row", "phase", "expected"), CELLS)
def test_a_cell_does_what_the_rules_say(row: Row, phase: Phase, expected: str) -> None:
    world = World()
    world.register()
    job_id = job_in(world, phase)
    assert attempt(world, row, job_id) == expected


@pytest.mark.parametrize(("row", "phase", "expected"), CELLS)
def test_a_cell_leads_only_where_the_table_says(row: Row, phase: Phase, expected: str) -> None:
    state = {Phase.Q: 0, Phase.R: 1, Phase.L: 1, Phase.C: 2, Phase.D: 3}[phase]
    cell = TABLE[row][JobState(state)]
    if isinstance(cell, Step):
        reached = {target.name for target in cell.leads_to}
        assert expected.removeprefix("JOB_") in reached or (
            cell.after_lease and expected == "LEASE_LIVE"
        )
    else:
        assert expected == cell.code


@pytest.mark.parametrize("row", list(Row))
@pytest.mark.parametrize("phase", PHASES)
def test_j16_an_action_is_in_time_at_the_limit_and_refused_after_it(row: Row, phase: Phase) -> None:
    world = World()
    world.register()
    offer(world)
    job_id = job_in(world, phase)
    job = world.job(job_id)
    cell = TABLE[row][job.state]
    limit_ms = job_limit_ms(job)
    if isinstance(cell, Step) and cell.by_deadline:
        limit_ms = min(limit_ms, job.deadline_ms)
    world.block(after_ms=limit_ms - 2 - world.now_ms)
    late = attempt(world, row, job_id, after_ms=3)
    in_time = attempt(world, row, job_id, after_ms=2)
    if isinstance(cell, Step):
        assert late == "DEADLINE_PASSED"
        assert in_time in {"RUNNING", "QUEUED", "RECEIPT_IN", "DISPUTED"} or "JOB_" in in_time
    else:
        assert late == in_time == cell.code


@pytest.mark.parametrize("phase", list(Phase))
def test_j17_a_due_job_ends_by_itself_and_not_a_moment_earlier(phase: Phase) -> None:
    world = World()
    world.register()
    job_id = job_in(world, phase)
    due_ms = world.head.next_due_ms
    assert due_ms is not None
    limit_ms = job_limit_ms(world.job(job_id))
    assert due_ms % 1_000 == 0
    assert limit_ms <= due_ms < limit_ms + 1_000
    assert not world.block(after_ms=due_ms - world.now_ms).outcomes
    (outcome,) = world.block().outcomes
    assert (outcome.kind, outcome.cause, outcome.object_id) == (ENDED_BY_SWEEP[phase], b"", job_id)
    assert world.head.state.get(state_key(Table.JOB, job_id)) is None
    assert world.head.next_due_ms is None


def test_the_document_of_the_states_is_the_table() -> None:
    text = render()
    if os.environ.get("REGENERATE_DOCUMENTS"):
        DOCUMENT.write_text(text, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == text, (
        "run the test again with REGENERATE_DOCUMENTS=1 and look at the difference"
    )
