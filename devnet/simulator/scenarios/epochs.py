"""Epochs and changing sets: what belongs to one must not count in another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from consensus import Statement
from devnet.simulator.council import Wish
from devnet.simulator.disk import Loss
from devnet.simulator.faults import Crash, LostJournal
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


def _waits_for_newcomers(simulation: Simulation) -> Callable[[], str]:
    """The first two newcomers start when the chain waits for them at an epoch's beginning."""
    plan, schedule = simulation.plan, simulation.world.schedule
    old, newcomers = simulation.machines[0], simulation.machines[plan.validators :]
    waited: list[bool] = []

    def look() -> None:
        waited.append(any(old.store.head().header.next_validator_set_hash))

    for _, at_ms in plan.late[:2]:
        schedule.at(at_ms * MS - 1, look)

    def missed() -> str:
        silent = [machine.name for machine in newcomers if not machine.signed]
        return f"{silent} never voted" if silent else "" if all(waited) else f"waited: {waited}"

    return missed


def _forgets(simulation: Simulation) -> Callable[[], str]:
    """The newcomer is silent after its loss, never contradicts itself, and votes again later."""
    machine, schedule = simulation.machines[3], simulation.world.schedule
    (lost,) = simulation.plan.faults
    said: list[list[Statement]] = []

    schedule.at(lost.at_ms * MS, lambda: said.append(list(machine.signed)))

    def missed() -> str:
        before = said[0]
        if not before:
            return "it had not voted when it lost its disk"
        later = machine.signed[len(before) :]
        epoch = before[-1].epoch
        if any(statement.epoch == epoch for statement in later):
            return f"it voted in epoch {epoch} after its loss"
        return "" if later else "it never voted again"

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
        "late-newcomers",
        "one becomes four, and each newcomer starts when its set may be waiting for it (S10)",
        lambda seed: Plan(
            seed,
            "late-newcomers",
            1,
            10_000,
            epoch_ms=1_000,
            newcomers=3,
            wishes=(Wish(100, "add", 1), Wish(2_600, "add", 2), Wish(4_700, "add", 3)),
            late=((1, 2_500), (2, 4_600), (3, 6_800)),
            transfers=2,
            transfers_every_ms=200,
        ),
        _waits_for_newcomers,
    ),
    Scenario(
        "newcomer-forgets",
        "a newcomer that started late votes, loses its disk, and is silent for its epoch (S10)",
        lambda seed: Plan(
            seed,
            "newcomer-forgets",
            3,
            9_000,
            epoch_ms=3_000,
            newcomers=1,
            wishes=(Wish(100, "add", 3),),
            late=((3, 3_500),),
            faults=(LostJournal(4_800, 3, 50),),
            transfers=2,
            transfers_every_ms=100,
        ),
        _forgets,
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
