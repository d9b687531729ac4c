"""Jobs from submission to pay, done by miners that do nothing but deliver."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.exchanges import Connection, Paced, Unexpected, connected

MINERS: Final = 32
"""Miners, each with one question for work open."""

LEASES: Final = 16
"""Leases that one miner may hold."""

SAMPLE_EVERY: Final = 10
"""Every so many jobs, one is asked for until it is paid, which gives the latency."""

ASK_EVERY_S: Final = 0.02
"""Between two questions about a job of the sample; part of the error of its latency."""

PAGE: Final = 100
"""Jobs of one page of the list, in which all are looked up at the end."""

SETTLE_LIMIT_S: Final = 120.0
"""Limit of the last jobs' settlement."""

ORDER: Final = {
    "payload": {"model": "llama2", "prompt": "Hello world"},
    "payment_amount": 0.01,
    "payment_currency": "AITBC",
    "ttl_seconds": 900,
}
"""The body of each job."""


@dataclass
class _Race:
    """The jobs of one run."""

    count: int
    """How many."""
    done: dict[str, asyncio.Event] = field(default_factory=dict)
    """Set when the job's receipt is final, by its id."""
    paid_ms: list[float] = field(default_factory=list)
    """From submission to pay, of the sample."""
    conflicts: int = 0
    """Claims that came after another miner's."""

    def event_of(self, job_id: str) -> asyncio.Event:
        return self.done.setdefault(job_id, asyncio.Event())


async def register_miners(connection: Connection) -> list[str]:
    """Register the miners, with keys that the node keeps, and return their names."""
    names = [f"bench-miner-{number}" for number in range(MINERS)]
    for name in names:
        body = {"miner_id": name, "capabilities": ["llama2"], "price": "0.001"}
        await connection.ask("POST", "/v1/miners/register", body, 201)
    return names


async def race(url: str, miners: Sequence[str], count: int, in_flight: int) -> Paced:
    """Submit jobs and do them; return the time until all are paid, and the sample's latencies.

    Args:
        url: the node.
        miners: from `register_miners`.
        count: how many jobs.
        in_flight: jobs between submission and receipt at any time.
    """
    jobs = _Race(count)
    async with (
        connected(url, in_flight) as clients,
        connected(url, len(miners)) as pollers,
        connected(url, in_flight) as workers,
        connected(url, min(count, in_flight)) as askers,
    ):
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            hands = _queue_of(workers)
            polling = [
                group.create_task(_poll(jobs, connection, miner, hands))
                for connection, miner in zip(pollers, miners, strict=True)
            ]
            await _submit_all(jobs, clients, _queue_of(askers))
            for task in polling:
                task.cancel()
        await _all_paid(clients[0], count)
        return Paced(time.perf_counter() - began, jobs.paid_ms)


async def _submit_all(
    jobs: _Race, clients: Sequence[Connection], idle: asyncio.Queue[Connection]
) -> None:
    numbers = iter(range(jobs.count))

    async def submit(connection: Connection) -> None:
        for number in numbers:
            began = time.perf_counter()
            created = await connection.ask("POST", "/v1/jobs", ORDER, 201)
            job_id = str(created["job_id"])
            await jobs.event_of(job_id).wait()
            if number % SAMPLE_EVERY == 0:
                group.create_task(_ask_until_paid(jobs, idle, job_id, began))

    async with asyncio.TaskGroup() as group:
        for connection in clients:
            group.create_task(submit(connection))


async def _ask_until_paid(
    jobs: _Race, idle: asyncio.Queue[Connection], job_id: str, began: float
) -> None:
    connection = await idle.get()
    while True:
        job = await connection.ask("GET", f"/v1/jobs/{job_id}")
        if job["payment_status"] == "released":
            break
        await asyncio.sleep(ASK_EVERY_S)
    jobs.paid_ms.append((time.perf_counter() - began) * 1e3)
    idle.put_nowait(connection)


async def _poll(
    jobs: _Race, connection: Connection, miner: str, hands: asyncio.Queue[Connection]
) -> None:
    """Ask for work and claim it as a miner does that holds several leases at a time."""
    leases = asyncio.Semaphore(LEASES)
    async with asyncio.TaskGroup() as group:
        while True:
            await leases.acquire()
            job_id = await _claimed(jobs, connection, miner)
            if job_id is None:
                leases.release()
                continue
            delivery = _deliver(jobs, hands, miner, job_id)
            group.create_task(delivery).add_done_callback(lambda _: leases.release())


async def _claimed(jobs: _Race, connection: Connection, miner: str) -> str | None:
    """Return a job that is the miner's now, None if there was none or another was faster."""
    poll = {"miner_id": miner, "wait_s": 20}
    offered = (await connection.ask("POST", "/v1/miners/poll", poll))["job"]
    if offered is None:
        return None
    job_id = str(offered["job_id"])
    try:
        await connection.ask("POST", f"/v1/jobs/{job_id}/claim", {"miner_id": miner})
    except Unexpected as refusal:
        if not refusal.is_conflict:
            raise
        jobs.conflicts += 1
        return None
    return job_id


async def _deliver(jobs: _Race, hands: asyncio.Queue[Connection], miner: str, job_id: str) -> None:
    """Deliver a result that took no work."""
    connection = await hands.get()
    result = {"miner_id": miner, "result": "Hello yourself."}
    await connection.ask("POST", f"/v1/jobs/{job_id}/complete", result)
    hands.put_nowait(connection)
    jobs.event_of(job_id).set()


def _queue_of(connections: Sequence[Connection]) -> asyncio.Queue[Connection]:
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for each in connections:
        idle.put_nowait(each)
    return idle


async def _all_paid(connection: Connection, count: int) -> None:
    """Return when the newest `count` jobs of the list are paid."""
    deadline = time.monotonic() + SETTLE_LIMIT_S
    offset = 0
    while offset < count:
        limit = min(PAGE, count - offset)
        page = await connection.ask("GET", f"/v1/jobs?limit={limit}&offset={offset}")
        statuses = {job["payment_status"] for job in page["jobs"]}
        if statuses == {"released"}:
            offset += limit
        elif time.monotonic() > deadline:
            raise RuntimeError(f"jobs are {statuses}, and should all be paid")
        else:
            await asyncio.sleep(ASK_EVERY_S)
