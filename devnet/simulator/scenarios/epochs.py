"""Epochs and changing sets: what belongs to one must not count in another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from devnet.simulator.council import Wish
from devnet.simulator.disk import Loss
from devnet.simulator.faults import Crash
from devnet.simulator.network import Weather
from devnet.simulator.plan import Plan
from devnet.simulator.scenarios.base import Scenario
from devnet.simulator.scenarios.crashes import cut_off
from devnet.simulator.schedule import MS

if TYPE_CHECKING:
    from devnet.simulator.simulation import Simulation


def _ex_validator(simulation: Simulation) -> Callable[[], str]:
    """Cut one of the three that are left off, while the removed one votes on: nothing is final."""
    order, schedule = simulation.checkers.order, simulation.world.schedule
    seen: list[tuple[int, int]] = []

    def look(count: int) -> None:
        seen.append((count, order.height))

    schedule.at(3_400 * MS, lambda: look(len(order.members_of(order.epoch))))
    schedule.at(4_900 * MS, lambda: look(len(order.members_of(order.epoch))))

    def missed() -> str:
        (before, height), (_, later) = seen
        if before != 3:
            return f"the set has {before} members"
        return "" if later <= height + 1 else f"height went from {height} to {later}"

    return missed


def _many_epochs(simulation: Simulation) -> Callable[[], str]:
    order = simulation.checkers.order

    def missed() -> str:
        views = [{b.header.view for b in order.chain if b.header.epoch == e} for e in range(3)]
        shared = set.intersection(*views)
        return "" if order.epoch >= 3 and shared else f"epoch {order.epoch}, views {views}"

    return missed


def _grows(simulation: Simulation) -> Callable[[], str]:
    """The newcomers vote in the end: nothing is final without one of them."""
    newcomers = simulation.machines[simulation.plan.validators :]

    def missed() -> str:
        silent = [machine.name for machine in newcomers if not machine.signed]
        return f"{silent} never voted" if silent else ""

    return missed


def _removed_by_evidence(simulation: Simulation) -> Callable[[], str]:
    order = simulation.checkers.order
    liar = simulation.machines[1].public_key

    def missed() -> str:
        return "" if liar not in order.members_of(order.epoch) else "the liar is still in the set"

    return missed


EPOCHS = (
    Scenario(
        "ex-validator",
        "a removed member goes on voting; without one of the others nothing is final",
        lambda seed: Plan(
            seed,
            "ex-validator",
            4,
            5_000,
            epoch_ms=600,
            byzantine=((3, "ghost"),),
            wishes=(Wish(100, "remove", 3),),
            faults=(cut_off(2, 4, 3_400, 1_500),),
            transfers=2,
            transfers_every_ms=250,
        ),
        _ex_validator,
    ),
    Scenario(
        "epochs-reuse-views",
        "views begin again in each epoch while old certificates are replayed and nodes restart",
        lambda seed: Plan(
            seed,
            "epochs-reuse-views",
            4,
            4_000,
            epoch_ms=700,
            weather=Weather(delay_us=(500, 15_000), doubling=0.1),
            byzantine=((seed % 4, "stale-replayer"),),
            faults=tuple(
                Crash(500 + 450 * n, (seed + 1 + n % 3) % 4, n, Loss.POWER, 60) for n in range(7)
            ),
            transfers=4,
            transfers_every_ms=120,
        ),
        _many_epochs,
    ),
    Scenario(
        "growing-set",
        "one validator becomes four, one an epoch, and the last ones catch up first",
        lambda seed: Plan(
            seed,
            "growing-set",
            1,
            8_000,
            epoch_ms=1_500,  # No boundary within a second of a start: see S10.
            newcomers=3,
            wishes=(Wish(100, "add", 1), Wish(1_700, "add", 2), Wish(3_300, "add", 3)),
            transfers=2,
            transfers_every_ms=200,
        ),
        _grows,
    ),
    Scenario(
        "evidence-removes",
        "a member that signs two blocks of one view is out of the set at an epoch's end",
        lambda seed: Plan(
            seed,
            "evidence-removes",
            4,
            5_000,
            epoch_ms=1_000,
            byzantine=((1, "equivocator"),),
            transfers=4,
            transfers_every_ms=150,
            is_real=True,
        ),
        _removed_by_evidence,
    ),
)
"""Scenarios of this module."""
