"""Clients, miners and coordinators on one chain: what they may do, and what must hold.

A machine for hypothesis; `test_ledger_properties` adds offers to it and runs it.
"""

from collections import Counter, deque
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from ledger.actions import (
    AcceptReceipt,
    Action,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    CastVote,
    Custody,
    DisputeReceipt,
    FailJob,
    Reason,
    RegisterMiner,
    ReleaseJob,
    RetireMiner,
    Transfer,
    UpdateMiner,
)
from ledger.codec import encode
from ledger.due import job_limit_ms
from ledger.errors import TransactionRejected
from ledger.keys import KeyPair
from ledger.motions import IssueUnits, Motion, ResolveDispute
from ledger.outcomes import JOB_ENDS, OutcomeKind
from ledger.params import Parameters
from ledger.proposal import build_block
from ledger.records import Account, Job, JobState, Miner, Unbonding
from ledger.rejections import AlreadyIncluded, TransactionExpired
from ledger.state import FinalState
from ledger.transaction import SignedTransaction
from ledger.transition import apply_block
from ledger.types import SUPPLY_MAX, Hash
from ledger.views import ChainView, make_final
from tests.ledger.phases import receipt_id_of
from tests.ledger.worlds import (
    AITBC,
    BALANCES,
    BUCKETS,
    PEOPLE,
    World,
    assert_same_result,
    genesis_of,
)

SUPPLY: Final = sum(BALANCES.values())
PARAMETERS: Final = Parameters(
    dispute_bond=1_000,
    halt_gap_ms=20_000,
    gap_grace_ms=10_000,
    attempts_max=3,
    auto_settle_ms=30_000,
    resolve_ms=40_000,
    dispute_max_ms=20_000,
    unbond_ms=60_000,
    epoch_ms=50_000,
)
STEPS: Final = st.sampled_from([*[1] * 8, 400, 5_000, 19_000, 21_000])
"""The longest is a halt (J12)."""
MINERS: Final = (PEOPLE.miner, PEOPLE.other_miner, PEOPLE.coordinator)
CLIENTS: Final = (PEOPLE.client, PEOPLE.other_client, PEOPLE.miner)
EVERYBODY: Final = (*CLIENTS, *MINERS, PEOPLE.stranger, PEOPLE.other_coordinator)
MINER_VERBS: Final = ("post", "post", "release")
COORDINATOR_VERBS: Final = ("attest", "attest", "dispute", "fail", "release")
NAMES: Final = ("update", "retire", "gpu-1", "GPU-1", "gpu-2", "ait1-like-an-address")
TERMS: Final = st.fixed_dictionaries(
    {
        "max_price": st.integers(1, AITBC),
        "dispute_ms": st.sampled_from((0, 10_000)),
        "streamed": st.booleans(),
    }
)
FINALITY_LAG: Final = 5
JOB_NUMBERS: Final = st.integers(0, 3)
Actor = KeyPair | None
ACTORS: Final = st.none() | st.none() | st.sampled_from(EVERYBODY)
"""Mostly whoever has the role; else anybody."""


def some_job_is_live(market: "Works") -> bool:
    return bool(market._live_jobs())


class Works(RuleBasedStateMachine):
    """Clients, miners and coordinators, well-meaning and not, on one chain."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(genesis_of(PARAMETERS))
        self.jobs: list[Hash] = []
        self.endings: Counter[Hash] = Counter()
        self.receipts: Counter[Hash] = Counter()
        self.locked: dict[Hash, int] = {}
        self.issued = 0

    @initialize()
    def miners_register(self) -> None:
        self.world.register(PEOPLE.miner, bond=7, floor=10)
        self.world.register(PEOPLE.other_miner, bond=0)
        self._count(2)

    # -------------------------------------------------------- what people do

    @rule(client=st.sampled_from(CLIENTS), terms=TERMS, ttl_ms=st.integers(1, 200_000), step=STEPS)
    def submit(self, client: KeyPair, terms: dict[str, object], ttl_ms: int, step: int) -> None:
        now_ms = self.world.now_ms + step
        times = {"start_by_ms": now_ms + ttl_ms // 2, "deadline_ms": now_ms + ttl_ms}
        self._try(client, self.world.submission(**terms, **times), step)

    @precondition(some_job_is_live)
    @rule(number=JOB_NUMBERS, step=STEPS)
    def a_job_goes_on_as_intended(self, number: int, step: int) -> None:
        job_id, job = self._job(number)
        receipt_id = receipt_id_of(self.world, job_id)
        intended: dict[JobState, tuple[KeyPair, Action]] = {
            JobState.QUEUED: (PEOPLE.coordinator, self.world.assignment(job_id)),
            JobState.RUNNING: (self._miner_of(job), self.world.receipt(job_id)),
            JobState.RECEIPT_IN: (
                PEOPLE.coordinator,
                AttestReceipt(job_id, receipt_id, AttestationKind.DELIVERY),
            ),
            JobState.DISPUTED: (PEOPLE.client, AcceptReceipt(job_id, receipt_id)),
        }
        key, action = intended[job.state]
        self._try(key, action, step)

    @precondition(some_job_is_live)
    @rule(
        number=JOB_NUMBERS,
        actor=ACTORS,
        miner=st.sampled_from(MINERS),
        cap_bp=st.integers(0, 10_100),
        lease_ms=st.integers(0, 30_000),
        step=STEPS,
    )
    def assign(
        self, *, number: int, actor: Actor, miner: KeyPair, cap_bp: int, lease_ms: int, step: int
    ) -> None:
        job_id, job = self._job(number)
        end_ms = job.deadline_ms if job.streamed else self.world.now_ms + step + lease_ms
        action = self.world.assignment(
            job_id,
            miner=miner.address,
            price_cap=job.max_price * cap_bp // 10_000,
            lease_end_ms=min(end_ms, job.deadline_ms),
        )
        self._try(actor or PEOPLE.coordinator, action, step)

    @precondition(some_job_is_live)
    @rule(number=JOB_NUMBERS, actor=ACTORS, verb=st.sampled_from(MINER_VERBS), step=STEPS)
    def work(self, number: int, actor: Actor, verb: str, step: int) -> None:
        job_id, job = self._job(number)
        action: Action = self.world.receipt(job_id)
        if verb == "release":
            action = ReleaseJob(job_id, job.attempt, Reason.RUNNER_FAILED)
        self._try(actor or self._miner_of(job), action, step)

    @precondition(some_job_is_live)
    @rule(
        number=JOB_NUMBERS,
        actor=ACTORS,
        verb=st.sampled_from(COORDINATOR_VERBS),
        kind=st.sampled_from(AttestationKind),
        stale=st.integers(-1, 1),
        step=STEPS,
    )
    def coordinate(
        self, *, number: int, actor: Actor, verb: str, kind: AttestationKind, stale: int, step: int
    ) -> None:
        job_id, job = self._job(number)
        receipt_id = receipt_id_of(self.world, job_id)
        attempt = max(0, job.attempt + stale)
        actions: dict[str, Action] = {
            "attest": AttestReceipt(job_id, receipt_id, kind),
            "dispute": DisputeReceipt(job_id, receipt_id, Reason.NO_SOURCE, 0),
            "fail": FailJob(job_id, attempt, Reason.NO_PAYLOAD),
            "release": ReleaseJob(job_id, attempt, Reason.HEARTBEAT_MISSED),
        }
        self._try(actor or PEOPLE.coordinator, actions[verb], step)

    @precondition(some_job_is_live)
    @rule(number=JOB_NUMBERS, actor=ACTORS, limit=st.integers(0, AITBC) | st.none(), step=STEPS)
    def accept_or_cancel(self, number: int, actor: Actor, limit: int | None, step: int) -> None:
        job_id, job = self._job(number)
        client = next(key for key in CLIENTS if key.address == job.client)
        if limit is None:
            self._try(
                actor or client, AcceptReceipt(job_id, receipt_id_of(self.world, job_id)), step
            )
        else:
            self._try(actor or client, CancelJob(job_id, limit), step)

    @precondition(some_job_is_live)
    @rule(
        number=JOB_NUMBERS, actor=ACTORS, bond=st.sampled_from([1_000] * 4 + [0, 999]), step=STEPS
    )
    def a_client_disputes(self, number: int, actor: Actor, bond: int, step: int) -> None:
        job_id, job = self._job(number)
        client = next(key for key in CLIENTS if key.address == job.client)
        receipt_id = receipt_id_of(self.world, job_id)
        action = DisputeReceipt(job_id, receipt_id, Reason.RESULT_MALFORMED, bond)
        self._try(actor or client, action, step)

    @precondition(some_job_is_live)
    @rule(number=JOB_NUMBERS, for_miner=st.booleans(), step=STEPS)
    def the_authority_rules(self, number: int, *, for_miner: bool, step: int) -> None:
        job_id, _ = self._job(number)
        self._decide(ResolveDispute(job_id, for_miner), step)

    @rule(
        to=st.sampled_from(EVERYBODY),
        amount=st.integers(0, 10) | st.sampled_from([SUPPLY_MAX, SUPPLY_MAX - SUPPLY]),
        step=STEPS,
    )
    def the_authority_issues(self, to: KeyPair, amount: int, step: int) -> None:
        self._decide(IssueUnits(to.address, amount), step)

    @rule(halt_ms=st.integers(20_001, 300_000))
    def the_chain_halts(self, halt_ms: int) -> None:
        parent, live = self.world.head, {job: self._live(job) for job in self._live_jobs()}
        parent_ms = parent.header.timestamp_ms
        self.world.block(after_ms=halt_ms, halt=True)
        self._count(1)
        for job_id, job in live.items():
            if job is not None and job_limit_ms(job) > parent_ms:
                assert self._live(job_id) == job, "a halt ends nothing that was in time before it"

    @rule(
        key=st.sampled_from(EVERYBODY),
        to=st.sampled_from(EVERYBODY),
        amount=st.integers(0, 3 * AITBC) | st.integers(0, 2**63 - 1),
        step=STEPS,
    )
    def transfer(self, key: KeyPair, to: KeyPair, amount: int, step: int) -> None:
        signed = self.world.sign(key, Transfer(to.address, amount), creates_account=True)
        self._try_signed(signed, step)

    @rule(key=st.sampled_from(EVERYBODY), verb=st.sampled_from(NAMES), bond=st.integers(0, 5))
    def miners_come_and_go(self, key: KeyPair, verb: str, bond: int) -> None:
        actions: dict[str, Action] = {
            "update": UpdateMiner(bytes(32), bond),
            "retire": RetireMiner(),
        }
        register = RegisterMiner(verb, bytes(32), 0, bond, Custody.MANAGED)
        self._try(key, actions.get(verb, register), 1)

    @rule(step=STEPS)
    def time_passes(self, step: int) -> None:
        self.world.block(after_ms=step, halt=True)
        self._count(1)

    @rule(ago=st.integers(1, 4))
    def a_block_is_replayed(self, ago: int) -> None:
        for block in self.world.blocks[-ago:][:1]:
            for signed in block.transactions:
                with pytest.raises((AlreadyIncluded, TransactionExpired)):
                    self.world.block(signed)

    @rule(step=STEPS, amount=st.integers(1, AITBC))
    def siblings_share_nothing(self, step: int, amount: int) -> None:
        parent = self.world.head
        root = parent.state.root
        pay = self.world.sign(PEOPLE.client, Transfer(PEOPLE.miner.address, amount))
        left = build_block(parent, [pay], self.world.context(step))
        right = build_block(parent, [], self.world.context(step + 1))
        assert parent.state.root == root
        for built in (left, right, left):
            assert_same_result(built.result, apply_block(parent, built.block))
        assert parent.state.root == root

    # -------------------------------------------------------- what must hold

    @invariant()
    def money_is_conserved(self) -> None:
        total = 0
        for record in dict(self.world.head.state.items()).values():
            match record:
                case Account(balance=amount) | Miner(bond=amount) | Unbonding(amount=amount):
                    total += amount
                case Job(max_price=amount, dispute=dispute):
                    total += amount + (dispute.bond if dispute else 0)
        assert total == SUPPLY + self.issued

    @invariant()
    def every_job_is_live_or_ended_exactly_once(self) -> None:
        for job_id in self.jobs:
            assert (self._live(job_id) is None) == (self.endings[job_id] == 1)
            assert self.endings[job_id] <= 1
            assert self.receipts[job_id] <= 1

    @invariant()
    def derived_sets_rebuild_equal(self) -> None:
        state = self.world.head.state
        records = dict(state.items())
        in_flight: Counter[bytes] = Counter()
        for record in records.values():
            if isinstance(record, Job) and record.assignment is not None:
                in_flight[record.assignment.miner] += 1
        for key, record in records.items():
            if isinstance(record, Miner):
                assert record.in_flight == in_flight[key[1:]]
        rebuilt = FinalState(records, BUCKETS)
        assert rebuilt.root == state.root
        assert list(rebuilt.due_items()) == list(state.due_items())

    def teardown(self) -> None:
        """Replay the whole chain on a fresh copy with finality far behind; then end every job."""
        head = final = genesis_of(PARAMETERS)
        behind: deque[ChainView] = deque()
        for block, result in zip(self.world.blocks, self.world.results, strict=True):
            again = apply_block(head, block)
            assert_same_result(result, again)
            head = again.view
            behind.append(head)
            if len(behind) > FINALITY_LAG:
                final = make_final(final, behind.popleft())
        before = len(self.world.results)
        for _ in range(4):
            # Halt upon halt would keep every credit alive; a while awake lets it run out.
            self.world.block(after_ms=1_000_000, halt=True)
            self.world.run_to(self.world.now_ms + 12_000)
        self._count(len(self.world.results) - before)
        assert all(self._live(job_id) is None for job_id in self.jobs)
        self.money_is_conserved()
        self.every_job_is_live_or_ended_exactly_once()

    # -------------------------------------------------------- steps

    def _live_jobs(self) -> list[Hash]:
        return [job_id for job_id in self.jobs if not self.endings[job_id]]

    def _job(self, number: int) -> tuple[Hash, Job]:
        """Return one of the live jobs."""
        live = self._live_jobs()
        job_id = live[number % len(live)]
        return job_id, self.world.job(job_id)

    def _live(self, job_id: Hash) -> Job | None:
        record = self.world.head.state.get(b"\x07" + job_id)
        return record if isinstance(record, Job) else None

    def _miner_of(self, job: Job) -> KeyPair:
        address = job.assignment.miner if job.assignment else PEOPLE.miner.address
        return next(key for key in EVERYBODY if key.address == address)

    def _decide(self, motion: Motion, step: int) -> None:
        """Let the one validator pass a motion by its own vote."""
        vote = CastVote(ballot_id=None, motion=motion, support=True)
        self._try(PEOPLE.validators[0], vote, step)

    def _try(self, key: KeyPair, action: Action, step: int) -> None:
        self._try_signed(self.world.sign(key, action), step)

    def _try_signed(self, signed: SignedTransaction, step: int) -> None:
        head, root = self.world.head, self.world.head.state.root
        try:
            self.world.block(signed, after_ms=step, halt=True)
        except TransactionRejected:
            assert self.world.head is head
            assert head.state.root == root, "a refused transaction changes nothing"
        else:
            self._count(1)

    def _count(self, blocks: int) -> None:
        for result in self.world.results[len(self.world.results) - blocks :]:
            for outcome in result.outcomes:
                if outcome.kind is OutcomeKind.JOB_LOCKED:
                    self.jobs.append(outcome.object_id)
                    self.locked[outcome.object_id] = outcome.amounts[0]
                if outcome.kind is OutcomeKind.RECEIPT_POSTED:
                    self.receipts[outcome.object_id] += 1
                if outcome.kind in JOB_ENDS:
                    self.endings[outcome.object_id] += 1
                    assert sum(outcome.amounts) == self.locked[outcome.object_id]
                if outcome.kind is OutcomeKind.RECEIPT_DISPUTED:
                    self.locked[outcome.object_id] += outcome.amounts[0]
                if outcome.kind is OutcomeKind.UNITS_ISSUED:
                    self.issued += outcome.amounts[0]
                assert encode(outcome)
