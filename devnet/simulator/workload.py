"""Clients, a coordinator and a miner that use the chain while it is disturbed.

They behave as the rules ask: signed bytes are kept and sent again as they are until they are final
or expired (J30), and each step of a job follows from the final state that some node shows (J9).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devnet.simulator.people import CLIENTS, key_of
from devnet.simulator.schedule import MS
from ledger.actions import (
    AcceptReceipt,
    Action,
    AssignJob,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    Custody,
    PostReceipt,
    Reason,
    RegisterMiner,
    ReleaseJob,
    SubmitJob,
    Transfer,
    UnitType,
    Verification,
)
from ledger.codec import encode
from ledger.fees import with_least_fee
from ledger.hashing import sha256
from ledger.keys import KeyPair
from ledger.params import TRANSACTION_VERSION
from ledger.records import Job, JobState
from ledger.transaction import Transaction, sign, transaction_id_of_bytes
from ledger.types import Hash

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine
    from devnet.simulator.world import World

RETRY_MS: Final = 900
"""A client that got no answer sends again, to another node."""

STEP_MS: Final = 250
"""How often coordinator, miner and clients look at their jobs."""

VALID_MS: Final = 60_000
"""Validity of a transaction, counted from the chain's or the clock's time if that is later."""


class Workload:
    """Everybody who is no validator."""

    def __init__(
        self, world: World, honest: list[Machine], is_final: Callable[[Hash], bool]
    ) -> None:
        """Prepare.

        Args:
            world: the simulation.
            honest: machines that may be asked for the final state.
            is_final: whether a transaction is final anywhere; then nobody sends it again.
        """
        self._world = world
        self._honest = honest
        self._is_final = is_final
        self._chance = world.chance("workload")
        self._salt = 0
        self._asked: set[tuple[Hash, int, str]] = set()
        """Steps of jobs that were sent: job, attempt, step."""
        self.jobs: list[Hash] = []
        """Jobs that were submitted."""
        self.sent: dict[Hash, bytes] = {}
        """Every transaction, by id."""

    # ------------------------------------------------------------ what they plan

    def plan(self, transfers: int, jobs: int, until_ms: int) -> None:
        """Spread transfers and jobs over the time until `until_ms`."""
        at = self._world.schedule.at
        for _ in range(transfers):
            at(self._chance.randrange(until_ms * MS), self.transfer)
        if jobs:
            at(0, self._register)
            at(STEP_MS * MS, self._step)
        for _ in range(jobs):
            at(self._chance.randrange(until_ms * MS), self._submit_job)

    def stream(self, every_ms: int, from_ms: int, until_ms: int) -> None:
        """Send a transfer again and again, so that there is always something to order."""
        for at_ms in range(from_ms, until_ms, every_ms):
            self._world.schedule.at(at_ms * MS, self.transfer)

    def transfer(self, first: Machine | None = None) -> Hash:
        """Have a client pay another, or somebody new; return the transaction's id.

        Args:
            first: who is told first; anybody by default.
        """
        sender = self._client()
        to = self._client().address
        if self._chance.random() < 0.2:
            to = sha256(b"stranger %d" % self._chance.randrange(10_000))[:20]
        return self.send(sender, Transfer(to, self._chance.randrange(1, 10**6)), first)

    def send(self, key: KeyPair, action: Action, first: Machine | None = None) -> Hash:
        """Sign an action and send it until it is final or expired; return the id."""
        tags, world = self._world.genesis.tags, self._world
        self._salt += 1
        now_ms = max([machine.store.head().header.timestamp_ms for machine in self._honest])
        now_ms = max(now_ms, self._honest[0].clock.wall_ms() - self._honest[0].clock.skew_ms)
        unsigned = Transaction(
            version=TRANSACTION_VERSION,
            chain_id=world.genesis.chain_id,
            sender_public_key=key.public_key,
            action=action,
            fee=0,
            valid_until_ms=now_ms + VALID_MS,
            salt=self._salt.to_bytes(16, "big"),
        )
        parameters = world.genesis.view.parameters
        unsigned = with_least_fee(parameters, unsigned, creates_account=True)
        signed = encode(sign(tags, unsigned, key))
        transaction_id = transaction_id_of_bytes(tags, signed)
        self.sent[transaction_id] = signed
        world.tell("all", lambda: f"{type(action).__name__} {transaction_id.hex()[:8]} is signed")
        until_us = world.schedule.now_us + VALID_MS * MS
        self._send_again(transaction_id, signed, until_us, first)
        return transaction_id

    def _send_again(
        self, transaction_id: Hash, signed: bytes, until_us: int, first: Machine | None = None
    ) -> None:
        schedule = self._world.schedule
        if self._is_final(transaction_id) or schedule.now_us > until_us:
            return
        reached = [machine for machine in self._honest if machine.process is not None]
        machine = first or self._chance.choice(reached or self._honest)
        if machine.process is not None:
            machine.call(machine.process, machine.process.submit, signed)
        schedule.after(RETRY_MS * MS, self._send_again, transaction_id, signed, until_us)

    def _client(self) -> KeyPair:
        return key_of(f"client-{self._chance.randrange(CLIENTS)}")

    # ------------------------------------------------------------ jobs

    def _register(self) -> None:
        action = RegisterMiner("miner", bytes(32), 0, self._chance.randrange(10**6), Custody.OWN)
        self.send(key_of("miner"), action)

    def _submit_job(self) -> None:
        now_ms = max(machine.clock.wall_ms() for machine in self._honest)
        action = SubmitJob(
            coordinator=key_of("coordinator").address,
            service="llm_inference",
            payload_digest=sha256(b"payload %d" % self._salt),
            max_price=self._chance.randrange(1, 10**9),
            start_by_ms=now_ms + self._chance.choice((2_000, 20_000)),
            deadline_ms=now_ms + 25_000,
            dispute_ms=self._chance.choice((0, 0, 1_000)),
            streamed=False,
            verification=Verification.NONE,
        )
        self.jobs.append(self.send(key_of("client-0"), action))

    def _step(self) -> None:
        """Let everybody look at the jobs as some node shows them, and take the next step."""
        self._world.schedule.after(STEP_MS * MS, self._step)
        machine = self._chance.choice(self._honest)
        if machine.process is None:
            return
        for job_id in self.jobs:
            job = machine.process.chain.job(job_id)
            if job is not None:
                self._step_job(job_id, job)

    def _step_job(self, job_id: Hash, job: Job) -> None:
        step = job.state.name
        if (job_id, job.attempt, step) in self._asked:
            return
        self._asked.add((job_id, job.attempt, step))
        roll = self._chance.random()
        match job.state:
            case JobState.QUEUED:
                self._assign(job_id, job)
            case JobState.RUNNING if roll < 0.15:
                action = ReleaseJob(job_id, job.attempt, Reason.RUNNER_FAILED)
                self.send(key_of("miner"), action)
            case JobState.RUNNING if roll < 0.3:
                self.send(key_of("client-0"), CancelJob(job_id, job.max_price))
            case JobState.RUNNING:
                self._post_receipt(job_id, job)
            case JobState.RECEIPT_IN if job.receipt and roll < 0.3:
                self.send(key_of("client-0"), AcceptReceipt(job_id, job.receipt.receipt_id))
            case JobState.RECEIPT_IN if job.receipt:
                receipt_id, kind = job.receipt.receipt_id, AttestationKind.DELIVERY
                self.send(key_of("coordinator"), AttestReceipt(job_id, receipt_id, kind))

    def _assign(self, job_id: Hash, job: Job) -> None:
        action = AssignJob(
            job_id=job_id,
            attempt=job.attempt + 1,
            miner=key_of("miner").address,
            price_cap=job.max_price,
            unit_type=UnitType.NONE,
            unit_price=0,
            lease_end_ms=job.deadline_ms,
        )
        self.send(key_of("coordinator"), action)

    def _post_receipt(self, job_id: Hash, job: Job) -> None:
        assert job.assignment is not None
        started_ms = self._honest[0].clock.wall_ms()
        action = PostReceipt(
            job_id=job_id,
            attempt=job.attempt,
            client=job.client,
            coordinator=job.coordinator,
            payload_digest=job.payload_digest,
            price_cap=job.assignment.price_cap,
            result_digest=sha256(job_id),
            units_micro=1_000_000,
            unit_type=UnitType.TOKENS,
            price=self._chance.randrange(1, job.assignment.price_cap + 1),
            model="sim",
            started_ms=started_ms,
            completed_ms=started_ms + 1,
        )
        self.send(key_of("miner"), action)
