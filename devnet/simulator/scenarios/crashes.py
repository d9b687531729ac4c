"""Crashes at the worst moments, and disks that are not what they were."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from consensus import Finalize, Notarize, Nullify
from devnet.simulator.disk import Loss
from devnet.simulator.faults import Crash, Cut, FullDisk, LostJournal
from devnet.simulator.plan import Plan
from devnet.simulator.scenarios.base import Scenario
from devnet.simulator.schedule import MS
from devnet.simulator.wire import statement_in
from node.failpoints import Failpoint
from node.p2p import CertificateMessage, Message

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine
    from devnet.simulator.simulation import Simulation


def cut_off(machine: int, size: int, at_ms: int, for_ms: int) -> Cut:
    """Return the fault that cuts a machine off from all others, both ways."""
    others = [other for other in range(size) if other != machine]
    pairs = [(machine, other) for other in others] + [(other, machine) for other in others]
    return Cut(at_ms, frozenset(pairs), for_ms)


def _crash_of_all(simulation: Simulation) -> Callable[[], str]:
    """Cut the power of each machine as soon as its nullify is durable, before it is sent."""
    struck: set[str] = set()

    def watch(machine: Machine, place: str) -> bool:
        is_due = place == Failpoint.AFTER_JOURNAL_SYNC and machine.name not in struck
        if is_due and any(isinstance(said, Nullify) for said in machine.signed):
            struck.add(machine.name)
            return True
        return False

    for machine in simulation.machines[1:]:
        machine.watch = partial(watch, machine)
    return lambda: "" if len(struck) == 3 else f"only {sorted(struck)} lost power"


def _finalize_after_nullify(simulation: Simulation) -> Callable[[], str]:
    """A node nullifies view 1, restarts, and then hears that the others notarized it.

    Until then nothing becomes final, so that it is the notarization that it hears of.
    """
    machine, schedule = simulation.machines[3], simulation.world.schedule
    heard: list[bool] = []

    def nullified() -> bool:
        return any(isinstance(said, Nullify) and said.view == 1 for said in machine.signed)

    def swallows(_sender: Machine, receiver: Machine, message: Message) -> bool:
        statement = statement_in(message)
        if statement is None or any(heard):
            return False
        if receiver is machine and not machine.crashes:
            return True
        if receiver is machine and isinstance(statement, Notarize) and statement.view == 1:
            heard.append(isinstance(message, CertificateMessage))
        return isinstance(statement, Finalize)

    def look() -> None:
        if nullified():
            machine.crash(Loss.POWER, 50)
        else:
            schedule.after(20 * MS, look)

    simulation.network.swallows = swallows
    schedule.at(0, look)
    return lambda: "" if any(heard) else "it never heard of the notarization in time"


def _state_ahead_of_journal(simulation: Simulation) -> Callable[[], str]:
    """Put an old copy of the journal folder in the place of the newer one."""
    machine = simulation.machines[1]
    copies: list[dict[Path, bytes]] = []
    schedule = simulation.world.schedule

    def restore() -> None:
        machine.crash(Loss.POWER, None)
        machine.disk.restore(copies.pop())
        machine.may_refuse = True
        machine.start()
        # What the documents tell the operator to do: without the journal it waits for an epoch.
        schedule.after(200 * MS, give_up)

    def give_up() -> None:
        machine.disk.wipe()
        machine.lost_journal = True
        machine.start()

    schedule.at(300 * MS, lambda: copies.append(machine.disk.copy()))
    schedule.at(1_600 * MS, restore)
    return lambda: (
        "" if "JOURNAL_BEHIND_STORE" in machine.refusals else f"refusals: {machine.refusals}"
    )


def _old_journal_in_new_epoch(simulation: Simulation) -> Callable[[], str]:
    """Rename an earlier epoch's journal to that of the current one."""
    machine = simulation.machines[1]
    schedule = simulation.world.schedule
    copies: list[dict[Path, bytes]] = []

    def restore() -> None:
        epoch = machine.store.head().header.epoch
        if epoch == 0:
            schedule.after(100 * MS, restore)
            return
        machine.crash(Loss.POWER, None)
        machine.disk.restore(copies.pop())
        machine.disk.rename_journal(0, epoch)
        machine.disk.rename_journal(0, epoch + 1)
        machine.may_refuse = True
        machine.start()
        schedule.after(200 * MS, give_up)

    def give_up() -> None:
        machine.disk.wipe()
        machine.lost_journal = True
        machine.start()

    schedule.at(300 * MS, lambda: copies.append(machine.disk.copy()))
    schedule.at(1_000 * MS, restore)
    return lambda: "" if "JOURNAL_FOREIGN" in machine.refusals else f"{machine.refusals}"


def _everybody(seed: int) -> Plan:
    crashes = tuple(Crash(700, n, seed % 7 + n, Loss.POWER, 100 + 90 * n) for n in range(4))
    return Plan(seed, "power-cut-of-all", 4, 2_000, epoch_ms=1_000, faults=crashes, jobs=1)


CRASHES = (
    Scenario(
        "crash-after-nullify",
        "all lose power when their nullify is durable and not sent",
        lambda seed: Plan(seed, "crash-after-nullify", 4, 3_000, faults=(cut_off(0, 4, 0, 2_900),)),
        _crash_of_all,
    ),
    Scenario(
        "finalize-after-nullify",
        "a node that nullified restarts and then hears of the notarization",
        lambda seed: Plan(
            seed,
            "finalize-after-nullify",
            4,
            3_000,
            transfers=2,
            transfers_every_ms=90,
        ),
        _finalize_after_nullify,
    ),
    Scenario(
        "state-ahead-of-journal",
        "an older copy of the journal is refused; without it the node waits for an epoch",
        lambda seed: Plan(seed, "state-ahead-of-journal", 4, 2_500, transfers=14),
        _state_ahead_of_journal,
    ),
    Scenario(
        "old-journal-in-new-epoch",
        "the journal of an earlier epoch under a later one's name is refused",
        lambda seed: Plan(seed, "old-journal-in-new-epoch", 4, 3_000, epoch_ms=800, transfers=14),
        _old_journal_in_new_epoch,
    ),
    Scenario(
        "power-cut-of-all",
        "a building loses its power: all at once, each at a place of its own",
        _everybody,
    ),
    Scenario(
        "lost-journal",
        "a node without its journal is silent until the next epoch, then votes again (S10)",
        lambda seed: Plan(
            seed,
            "lost-journal",
            4,
            4_500,
            epoch_ms=2_000,
            faults=(LostJournal(300, 1, 50),),
            transfers=2,
            transfers_every_ms=200,
        ),
        lambda simulation: _votes_again(simulation, 1),
    ),
    Scenario(
        "full-disk",
        "a node without room stops itself, and goes on once there is some",
        lambda seed: Plan(
            seed, "full-disk", 4, 2_500, faults=(FullDisk(400, 2, 1_200),), transfers=12
        ),
        lambda simulation: _stopped(simulation, 2),
    ),
)
"""Scenarios of this module."""


def _votes_again(simulation: Simulation, number: int) -> Callable[[], str]:
    machine = simulation.machines[number]

    def missed() -> str:
        epochs = {said.epoch for said in machine.signed if isinstance(said, Notarize)}
        return "" if max(epochs, default=0) > 0 else "it never voted in a later epoch"

    return missed


def _stopped(simulation: Simulation, number: int) -> Callable[[], str]:
    machine = simulation.machines[number]
    return lambda: "" if machine.stops else "it never stopped itself"
