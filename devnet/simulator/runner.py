"""Many seeds over the machine's cores, each in one of a few processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from devnet.simulator.catalogue import script_of
from devnet.simulator.plan import Plan
from devnet.simulator.simulation import Result, Simulation

CHUNK = 8
"""Seeds that a process takes at a time."""

PlanOf = Callable[[int], Plan]
"""Makes the plan of a seed; a function of a module, so that processes can be told of it."""


def run_one(plan_of: PlanOf, seed: int, *, traced: bool = False) -> Result:
    """Run one seed."""
    plan = plan_of(seed)
    return Simulation(plan, script_of(plan), traced=traced).run()


def run_all(plan_of: PlanOf, seeds: Iterable[int], processes: int = 0) -> Iterator[Result]:
    """Run seeds, yielding results as they come, in no fixed order.

    Args:
        plan_of: see `PlanOf`.
        seeds: any numbers.
        processes: how many at once; 0 for one on each core, 1 for this process alone.
    """
    count = processes or len(os.sched_getaffinity(0))
    run = partial(run_one, plan_of)
    if count == 1:
        yield from map(run, seeds)
        return
    with multiprocessing.get_context("fork").Pool(count) as pool:
        yield from pool.imap_unordered(run, seeds, CHUNK)
