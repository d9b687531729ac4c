"""What each action costs besides its signature: the figures behind `params.ACTION_WEIGHT_US`."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.chain import BenchChain, key_of
from bench.governance import governance_costs
from bench.timing import seconds_to_apply
from ledger import find_job
from ledger.actions import (
    ACTION_NAMES,
    AcceptOffer,
    AcceptReceipt,
    Action,
    AssignJob,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    Custody,
    DisputeReceipt,
    FailJob,
    PostOffer,
    PostReceipt,
    Reason,
    RegisterMiner,
    ReleaseJob,
    RetireMiner,
    SubmitJob,
    Transfer,
    UnitType,
    UpdateMiner,
    Verification,
    WithdrawOffer,
)
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.params import ACTION_WEIGHT_US, NAIT_PER_AITBC, OFFERS_PER_MINER_MAX
from ledger.types import Hash

ACCOUNTS = 10_000
JOBS_A_MINER = 10

Step = tuple[KeyPair, Action]


@dataclass(frozen=True)
class ActionCost:
    """One action's cost beside the weight that blocks are bounded by."""

    action: str
    measured_us: float
    weight_us: int


def action_costs(jobs: int) -> list[ActionCost]:
    """Return the cost of every action, measured on blocks of `jobs` of each."""
    workload = Workload(jobs)
    workload.run()
    costs = workload.costs | governance_costs()
    return [
        ActionCost(ACTION_NAMES[kind], round(costs[kind], 1), weight)
        for kind, weight in ACTION_WEIGHT_US.items()
    ]


class Workload:
    """Jobs that end in every way. Applying is pure, so each block is measured repeatedly."""

    def __init__(self, jobs: int) -> None:
        self.chain = BenchChain(ACCOUNTS)
        self.client = self.chain.senders[0]
        self.coordinator = self.chain.coordinator
        self.miners = [key_of(f"miner-{number}") for number in range(-(-jobs // JOBS_A_MINER))]
        self.jobs_count = jobs
        self.costs: dict[type[Action], float] = {}

    def run(self) -> None:
        """Measure all actions, the dearest ending of each."""
        funds = [(self.client, Transfer(m.address, NAIT_PER_AITBC)) for m in self.miners]
        self.measure(funds)
        self.measure([(s, Transfer(self.client.address, 1)) for s in self.chain.senders * 5])
        self.measure(
            [
                (miner, RegisterMiner(f"miner-{number}", bytes(32), 0, 1, Custody.OWN))
                for number, miner in enumerate(self.miners)
            ]
        )
        self.measure([(miner, UpdateMiner(bytes(32), 0)) for miner in self.miners])
        queued = self.submitted()
        self.measure([(self.coordinator, FailJob(j, 0, Reason.NO_PAYLOAD)) for j in queued])
        running = self.assigned(self.submitted())
        self.measure([self.release(n, j) for n, j in enumerate(running)])
        self.assigned(running)
        self.measure([(self.client, CancelJob(j, NAIT_PER_AITBC)) for j in running])
        received = self.received()
        self.measure([(self.coordinator, self.attestation(j)) for j in received])
        disputed = self.received()
        self.measure([(self.coordinator, self.dispute(j)) for j in disputed])
        self.measure([(self.client, AcceptReceipt(j, self.receipt_id(j))) for j in disputed])
        self.offers()
        self.measure([(miner, RetireMiner()) for miner in self.miners])

    def offers(self) -> None:
        """Measure offers; each miner keeps as many open as it may, which it retires with."""
        expires_ms = self.chain.view.header.timestamp_ms + 3_600_000
        offer = PostOffer("llm_inference", NAIT_PER_AITBC, 1, bytes(32), expires_ms)
        offers = [(miner, offer) for miner in self.miners for _ in range(OFFERS_PER_MINER_MAX)]
        ids = self.measure(offers)
        jobs = self.submitted()
        accepted = list(zip(jobs, ids, strict=False))
        self.measure([(self.client, AcceptOffer(j, o, NAIT_PER_AITBC)) for j, o in accepted])
        self.measure([(self.client, CancelJob(job, NAIT_PER_AITBC)) for job, _ in accepted])
        left = list(zip(ids, offers, strict=True))[len(accepted) :]
        self.measure([(miner, WithdrawOffer(o)) for o, (miner, _) in left[: len(left) // 2]])
        self.measure(offers[: len(accepted)])

    def measure(self, steps: Sequence[Step]) -> list[Hash]:
        """Carry out steps of one kind, time them, and return their transactions' ids."""
        kind = type(steps[0][1])
        left = [self.chain.sign(key, action) for key, action in steps]
        ids: list[Hash] = []
        while left:
            built = self.chain.build(left)
            count = len(built.block.transactions)
            cost_us = seconds_to_apply(self.chain, encode(built.block)) / count * 1e6
            self.costs[kind] = max(cost_us, self.costs.get(kind, 0.0))
            ids += built.result.transaction_ids
            left = left[count:]
            self.chain.extend(built.result.view)
        return ids

    def submitted(self) -> list[Hash]:
        """Return new jobs."""
        now_ms = self.chain.view.header.timestamp_ms
        action = SubmitJob(
            coordinator=self.coordinator.address,
            service="llm_inference",
            payload_digest=bytes(32),
            max_price=NAIT_PER_AITBC,
            start_by_ms=now_ms + 300_000,
            deadline_ms=now_ms + 900_000,
            dispute_ms=0,
            streamed=False,
            verification=Verification.NONE,
        )
        return self.measure([(self.client, action)] * self.jobs_count)

    def assigned(self, jobs: list[Hash]) -> list[Hash]:
        """Return the jobs, each assigned to a miner."""
        self.measure([(self.coordinator, self.assignment(n, job)) for n, job in enumerate(jobs)])
        return jobs

    def received(self) -> list[Hash]:
        """Return new jobs with a receipt."""
        jobs = self.assigned(self.submitted())
        self.measure([self.receipt(number, job) for number, job in enumerate(jobs)])
        return jobs

    def miner_of(self, number: int) -> KeyPair:
        """Return the miner that works on a job, by the job's place."""
        return self.miners[number % len(self.miners)]

    def assignment(self, number: int, job_id: Hash) -> AssignJob:
        """Return the next assignment of a job."""
        job = find_job(self.chain.view.state, job_id)
        return AssignJob(
            job_id=job_id,
            attempt=job.attempt + 1,
            miner=self.miner_of(number).address,
            price_cap=job.max_price,
            unit_type=UnitType.TOKENS,
            unit_price=1_000,
            lease_end_ms=job.deadline_ms,
        )

    def release(self, number: int, job_id: Hash) -> Step:
        """Return the release of a job by its miner."""
        return self.miner_of(number), ReleaseJob(job_id, 1, Reason.RUNNER_FAILED)

    def receipt(self, number: int, job_id: Hash) -> Step:
        """Return the receipt of a job by its miner."""
        job = find_job(self.chain.view.state, job_id)
        action = PostReceipt(
            job_id=job_id,
            attempt=job.attempt,
            client=job.client,
            coordinator=job.coordinator,
            payload_digest=job.payload_digest,
            price_cap=job.max_price,
            result_digest=bytes(32),
            units_micro=256_000_000,
            unit_type=UnitType.TOKENS,
            price=256_000,
            model="smollm2-135m",
            started_ms=job.start_by_ms,
            completed_ms=job.start_by_ms + 400,
        )
        return self.miner_of(number), action

    def receipt_id(self, job_id: Hash) -> Hash:
        """Return the id of a job's receipt."""
        receipt = find_job(self.chain.view.state, job_id).receipt
        assert receipt is not None
        return receipt.receipt_id

    def attestation(self, job_id: Hash) -> AttestReceipt:
        """Return the attestation that settles a job."""
        return AttestReceipt(job_id, self.receipt_id(job_id), AttestationKind.DELIVERY)

    def dispute(self, job_id: Hash) -> DisputeReceipt:
        """Return the coordinator's dispute of a job."""
        return DisputeReceipt(job_id, self.receipt_id(job_id), Reason.RESULT_MALFORMED, 0)
