"""`./dev sim --measure wide-area`: finality and throughput, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Final

from devnet.simulator.logs import logs_of
from devnet.simulator.plan import Plan
from devnet.simulator.schedule import MS
from devnet.simulator.simulation import Simulation
from devnet.simulator.wide_area.costs import Costs, measure
from devnet.simulator.wide_area.regions import REGIONS, UPLINK_BITS_PER_SECOND
from devnet.simulator.wide_area.wide_network import HANDLING_US, WideNetwork
from ledger.actions import Transfer
from ledger.params import ACTION_WEIGHT_US, SIGNATURE_WEIGHT_US, Parameters
from ledger.types import Hash

LIGHT_TRANSFERS: Final = 6
"""Transfers, one at a time, whose finality is timed."""

LOADED_BLOCKS: Final = 8
"""Blocks in a row that are timed."""

WARM_BLOCKS: Final = 2
"""Blocks before the timing begins."""

PAUSE_MS: Final = 600
"""Time between two transfers at light load: the network is quiet again."""

STREAM_MS: Final = 25
"""Time between two transfers where there is always work."""

LIMIT_MS: Final = 30_000
"""Longest simulated time that anything is waited for."""

START_MS: Final = 1_500
"""Time in which everybody connects and the first votes are allowed (S10)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one size of network."""

    validators: int
    """How many."""
    finality_p50_ms: int
    """From a client's submission at a validator to durable finality there, at light load."""
    finality_p95_ms: int
    """The same, of 95%."""
    messages_per_block: int
    """Votes, proposals and certificates, in the whole network, at light load."""
    kilobytes_per_block: int
    """The same in bytes, with TCP and TLS."""
    signatures_per_node: int
    """Signatures of votes that one node verifies for a block."""
    empty_interval_ms: int
    """Between blocks that follow each other with a transfer or two in each."""
    transfers_per_block: int
    """Transfers of a full block: as many as its weight allows (S7)."""
    interval_ms: int
    """Between blocks that are each charged for so many, on the links and in execution."""
    transfers_per_second: int
    """By that interval."""
    verifying_limit: int
    """Transfers a second whose signatures one core verifies; the bound with one worker process."""
    bound_by: str
    """What limits the throughput."""


class _WideSimulation(Simulation):
    """A simulation on a wide network."""

    def __init__(self, plan: Plan, costs: Costs, load: int) -> None:
        self._costs, self._load = costs, load
        super().__init__(plan)
        self.world.check = self.wide.count

    def make_network(self) -> WideNetwork:
        return WideNetwork(self.world, self._costs, self._load)

    @property
    def wide(self) -> WideNetwork:
        assert isinstance(self.network, WideNetwork)
        return self.network

    def begin(self) -> None:
        for machine in self.machines:
            machine.start()
        self.world.schedule.run_until(START_MS * MS)

    def run_until_final(self, wanted: Hash, number: int) -> int:
        """Return the milliseconds until a machine holds a transaction."""
        schedule, machine = self.world.schedule, self.machines[number]
        started_us = schedule.now_us
        limit_us = started_us + LIMIT_MS * MS
        done = schedule.run_until(limit_us, lambda: self.checkers.is_final_on(machine, wanted))
        assert done, "a calm network makes transactions final"
        return (schedule.now_us - started_us) // MS


def measure_wide_area(sizes: Sequence[int]) -> Iterator[Measured]:
    """Measure networks of these sizes, one after the other."""
    costs = measure()
    for size in sizes:
        yield _measure(size, costs)


def _measure(size: int, costs: Costs) -> Measured:
    parameters = Parameters()
    weight_us = SIGNATURE_WEIGHT_US + ACTION_WEIGHT_US[Transfer]
    load = min(parameters.block_transactions_max, parameters.block_weight_max // weight_us)
    light = _light(size, costs)
    empty_ms, loaded_ms = _interval_ms(size, costs, 0), _interval_ms(size, costs, load)
    per_second = round(load / loaded_ms * 1_000)
    limit = round(1e6 / costs.signature_us)
    bound = "distance" if empty_ms > 0.6 * loaded_ms else "execution"
    return Measured(
        validators=size,
        **light,
        empty_interval_ms=round(empty_ms),
        transfers_per_block=load,
        interval_ms=round(loaded_ms),
        transfers_per_second=per_second,
        verifying_limit=limit,
        bound_by="signatures of transfers" if per_second > limit else bound,
    )


def _light(size: int, costs: Costs) -> dict[str, int]:
    """Time single transfers, and count what a block costs."""
    with _running(size, costs, 0) as run:
        wide, order = run.wide, run.checkers.order
        before = (order.height, wide.messages, wide.bytes, wide.verified)
        times = []
        for number in range(LIGHT_TRANSFERS):
            at = number * size // LIGHT_TRANSFERS
            wanted = run.workload.transfer(run.machines[at])
            times.append(run.run_until_final(wanted, at))
            run.world.schedule.run_until(run.world.schedule.now_us + PAUSE_MS * MS)
        blocks = order.height - before[0]
        times.sort()
        return {
            "finality_p50_ms": times[len(times) // 2],
            "finality_p95_ms": times[-1],
            "messages_per_block": (wide.messages - before[1]) // blocks,
            "kilobytes_per_block": (wide.bytes - before[2]) // blocks // 1_000,
            "signatures_per_node": (wide.verified - before[3]) // blocks // size,
        }


def _interval_ms(size: int, costs: Costs, load: int) -> float:
    """Return the time between blocks while there is always work."""
    with _running(size, costs, load) as run:
        schedule, order = run.world.schedule, run.checkers.order
        run.workload.stream(STREAM_MS, schedule.now_ms, schedule.now_ms + LIMIT_MS)
        schedule.run_until(schedule.now_us + LIMIT_MS * MS, lambda: order.height >= WARM_BLOCKS)
        first_us, first = schedule.now_us, order.height
        goal = first + LOADED_BLOCKS
        schedule.run_until(schedule.now_us + LIMIT_MS * MS, lambda: order.height >= goal)
        return (schedule.now_us - first_us) / MS / max(1, order.height - first)


@contextmanager
def _running(size: int, costs: Costs, load: int) -> Iterator[_WideSimulation]:
    run = _WideSimulation(Plan(size, "wide-area", size, 0, transfers=0), costs, load)
    with logs_of(run.world):
        run.begin()
        try:
            yield run
        finally:
            run.end()


def text_of(found: Sequence[Measured]) -> str:
    """Return measurements as a table with what they assume."""
    costs = measure()
    rows = [
        f"{m.validators:>10} {m.finality_p50_ms:>8} {m.finality_p95_ms:>8} "
        f"{m.messages_per_block:>10} {m.kilobytes_per_block:>8} {m.signatures_per_node:>10} "
        f"{m.empty_interval_ms:>9} {m.interval_ms:>9} {m.transfers_per_block:>9} "
        f"{m.transfers_per_second:>9}  {m.bound_by}"
        for m in found
    ]
    head = (
        "validators  p50 ms   p95 ms  messages       kB  votes/node  empty ms   full ms "
        "transfers        /s  bound by"
    )
    assumed = (
        f"Validators in turn in {', '.join(REGIONS)}; {UPLINK_BITS_PER_SECOND / 1e9:g} Gbit/s up; "
        f"no loss; {HANDLING_US} µs a message; one core a validator for consensus and execution, "
        f"another for signatures of transfers. Measured here, now: a signature "
        f"{costs.signature_us:.0f} µs, a transfer {costs.transfer_us:.0f} µs."
    )
    return "\n".join([head, *rows, "", assumed])


def json_of(found: Sequence[Measured]) -> str:
    """Return measurements as one JSON array."""
    return json.dumps([asdict(measured) for measured in found])
