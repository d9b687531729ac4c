"""A devnet coordinator with clients and miners, on the in-process chain."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.clients import Principal
from coordinator.clients.demo import DEMO_PRINCIPAL
from coordinator.config import CoordinatorConfig, Limits, Timings
from coordinator.jobs import JobPhase, JobSpec, JobView
from coordinator.leases import Completion, Lease, Output
from coordinator.miners import MinerRegistration, MinerView
from coordinator.outbox import store
from coordinator.receipts import ReceiptView
from coordinator.services import Services, build_services
from ledger.hashing import sha256
from ledger.keys import KeyPair
from ledger.params import NAIT_PER_AITBC, Parameters
from tests.chains import InProcessChain, ManualClock

COORDINATOR = KeyPair(sha256(b"coordinator"))
FAUCET = KeyPair(sha256(b"faucet"))
STRANGER = KeyPair(sha256(b"stranger"))

AITBC = NAIT_PER_AITBC
FUNDS = 1_000 * AITBC
LEASE_S = 20
SILENCE_S = 15
PATIENCE_S = 90.0
"""Limit of whatever a test waits for, on a busy machine: reached only where something is wrong."""

TIMINGS = Timings(
    lease_ms=LEASE_S * 1_000,
    heartbeat_missed_ms=SILENCE_S * 1_000,
    # Sweeps happen when a test asks for them.
    sweep_interval_s=3_600,
    webhook_interval_s=3_600,
    final_wait_s=PATIENCE_S,
    resend_s=0.05,
)

CLIENT = DEMO_PRINCIPAL


class World:
    """The parts of a test, and shorthands for what tests do all the time."""

    def __init__(
        self,
        folder: Path,
        *,
        timings: Timings = TIMINGS,
        limits: Limits | None = None,
        parameters: Parameters | None = None,
        chain: InProcessChain | None = None,
        database_url: str | None = None,
    ) -> None:
        self.folder = folder
        self.clock = ManualClock() if chain is None else chain.clock
        balances = {k.address: 10**6 * AITBC for k in (COORDINATOR, FAUCET, STRANGER)}
        self.chain = chain or InProcessChain(
            folder / "chain",
            self.clock,
            coordinators=[COORDINATOR.address],
            balances=balances,
            parameters=parameters,
        )
        self.supply = self.chain.supply()
        self.config = CoordinatorConfig(
            database_url=database_url or f"sqlite:///{folder}/coordinator.db",
            artifact_dir=folder / "artifacts",
            wrapping_key_path=folder / "secrets" / "wrapping.key",
            account_key=COORDINATOR,
            is_devnet=True,
            faucet_key=FAUCET,
            faucet_amount=FUNDS,
            webhooks_to_loopback=True,
            timings=replace(timings),
            limits=limits or Limits(),
        )
        self.services = self.build()

    # ------------------------------------------------------------ life of the process

    async def start(self) -> None:
        await self.services.start()

    async def kill(self) -> None:
        """End the coordinator without warning and without sending anything more."""
        await self.services.stop()

    async def restart(self) -> None:
        """Kill the coordinator and start it again on what it stored."""
        await self.kill()
        self.services = self.build()
        await self.start()

    async def finish(self) -> None:
        """Check what must hold at the end of every test, then stop."""
        await self.check()
        await self.services.stop()
        self.chain.close()

    async def check(self) -> None:
        await self.services.core.follower.catch_up()
        report = await self.services.invariants()
        assert report.violations == ()
        assert report.is_current
        assert self.chain.supply() == self.supply
        own = self.chain.escrow_total()
        assert report.escrowed == own

    def build(self) -> Services:
        """Return a coordinator on what is stored, not started."""
        return build_services(self.config, self.chain, self.chain.reader, clock=self.clock)

    @contextmanager
    def impatience(self) -> Iterator[None]:
        """Let requests wait only briefly, for tests in which something is not final in time."""
        timings = self.config.timings
        patient_s = timings.final_wait_s
        # The program never changes its settings; a test may.
        object.__setattr__(timings, "final_wait_s", 0.1)
        yield
        object.__setattr__(timings, "final_wait_s", patient_s)

    # ------------------------------------------------------------ clients

    async def client(self, label: str = "somebody") -> Principal:
        """Register a client and return it as its key identifies it."""
        _, issued = await self.services.clients.register(label)
        return await self.services.clients.authenticate(issued.text)

    async def job(self, principal: Principal = CLIENT, **changes: object) -> JobView:
        """Create a job and wait until it is queued."""
        job = await self.services.jobs.create(principal, spec(**changes))
        return await self.until(job.job_id, JobPhase.QUEUED, principal)

    async def get(self, job_id: bytes, principal: Principal = CLIENT) -> JobView:
        return await self.services.jobs.get(principal, job_id)

    async def until(self, job_id: bytes, phase: JobPhase, principal: Principal = CLIENT) -> JobView:
        """Wait until a job is in a phase."""

        async def look() -> JobView | None:
            job = await self.get(job_id, principal)
            return job if job.phase is phase else None

        found = await self.services.core.follower.jobs.wait_until(job_id, look, PATIENCE_S)
        assert found is not None, f"{(await self.get(job_id, principal)).phase}, not {phase}"
        return found

    async def receipt_final(self, job_id: bytes, principal: Principal = CLIENT) -> JobView:
        """Wait until a job's receipt is on the chain, whether its result came or not."""

        async def look() -> JobView | None:
            job = await self.get(job_id, principal)
            return job if job.receipt_id is not None else None

        found = await self.services.core.follower.jobs.wait_until(job_id, look, PATIENCE_S)
        assert found is not None, "no receipt"
        return found

    async def settled(self, job_id: bytes, principal: Principal = CLIENT) -> JobView:
        """Wait until a job left the chain's state, and return how it ended."""

        async def look() -> JobView | None:
            job = await self.get(job_id, principal)
            return job if self.chain.job(job_id) is None and job.ended_ms is not None else None

        found = await self.services.core.follower.jobs.wait_until(job_id, look, PATIENCE_S)
        assert found is not None, f"still {(await self.get(job_id, principal)).phase}"
        await self.services.core.follower.catch_up()
        return await self.get(job_id, principal)

    # ------------------------------------------------------------ time

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, the chain do what is due, and the coordinator sweep."""
        self.clock.advance(seconds)
        if not self.chain.is_paused:
            self.chain.make_block()
        await self.services.core.follower.catch_up()
        await self.services.sweeper.sweep()
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing is on its way."""
        core = self.services.core
        for _ in range(50):
            await core.courier.send_pending()
            await asyncio.sleep(0)
            await core.follower.catch_up()
            if not await core.database.read(lambda c: store.pending(c, 1)):
                return

    # ------------------------------------------------------------ miners

    async def miner(
        self, name: str = "miner-1", principal: Principal = CLIENT, **changes: object
    ) -> MinerView:
        """Register a managed miner, as the older documents' clients do."""
        return await self.services.miners.register(principal, registration(name, **changes))

    async def claim(
        self, job_id: bytes, name: str = "miner-1", principal: Principal = CLIENT
    ) -> Lease:
        return await self.services.leases.claim(principal, name, job_id, heartbeats=True)

    async def complete(
        self,
        job_id: bytes,
        text: str = "An answer.",
        name: str = "miner-1",
        principal: Principal = CLIENT,
    ) -> ReceiptView:
        return await self.services.leases.complete(
            principal, name, job_id, Completion(Output(text=text))
        )

    async def done(self, job_id: bytes, text: str = "An answer.") -> JobView:
        """Claim and complete a job, and wait until it is paid."""
        await self.claim(job_id)
        await self.complete(job_id, text)
        return await self.settled(job_id)


def spec(**changes: object) -> JobSpec:
    """Return the specification of a prompt."""
    base = JobSpec(
        service="llm_inference",
        api_version="2026-05-11",
        model="llama3.2",
        input={"prompt": "Why is the sky blue?"},
        params={"max_tokens": 256, "temperature": 0.7, "top_p": 0.9},
        max_price=AITBC // 10,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def registration(name: str, **changes: object) -> MinerRegistration:
    """Return what a miner of one model declares."""
    base = MinerRegistration(
        name=name,
        capabilities=("llm_inference", "ffmpeg_transcode", "smollm2-135m"),
        aliases={"llama3.2": "smollm2-135m"},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Balances:
    """Balances at one moment, to compare with another."""

    client: int
    miner: int
    coordinator: int

    @classmethod
    def of(cls, world: World, client: bytes, miner: bytes) -> "Balances":
        balance = world.chain.balance
        return cls(balance(client), balance(miner), balance(COORDINATOR.address))
