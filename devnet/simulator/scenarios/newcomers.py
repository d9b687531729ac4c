"""Members that are new to an epoch: late ones that a set waits for, and ones that forget (S10)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING

from consensus import Finalize, Notarize, Nullify, Statement
from devnet.simulator.council import Wish
from devnet.simulator.faults import LostDisk, LostJournal
from devnet.simulator.plan import Plan
from devnet.simulator.scenarios.base import Scenario
from devnet.simulator.schedule import MS
from devnet.simulator.wire import statement_in
from node.p2p import CertificateMessage, Message, RangeAnswer, VoteMessage

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine
    from devnet.simulator.simulation import Simulation


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


def _forgets_in_secret(simulation: Simulation) -> Callable[[], str]:
    """Only a liar hears the newcomer finalize; then it forgets that, and the liar denies it.

    The newcomer votes again in the same epoch, and contradicts nothing that it said before.
    """
    machine, liar = simulation.machines[4], simulation.machines[0]
    (lost,) = simulation.plan.faults
    said: list[list[Statement]] = []
    is_secret = True

    def swallows(sender: Machine, receiver: Machine, message: Message) -> bool:
        statement = statement_in(message)
        if sender is machine and statement is not None and not said:
            return receiver is not liar or not isinstance(statement, Finalize)
        return sender is liar and is_secret and _tells_of(message, 4)

    def tell() -> None:
        nonlocal is_secret
        is_secret = False

    simulation.network.swallows = swallows
    schedule = simulation.world.schedule
    schedule.at(lost.at_ms * MS, lambda: said.append(list(machine.signed)))
    schedule.at(simulation.plan.storm_ms * MS, tell)

    def missed() -> str:
        before, later = said[0], machine.signed[len(said[0]) :]
        if not any(isinstance(statement, Finalize) for statement in before):
            return "it had not voted when it lost its disk"
        if before[-1].epoch not in {statement.epoch for statement in later}:
            return "it did not vote again in the epoch"
        contradictions = [pair for pair in combinations(machine.signed, 2) if _exclude(*pair)]
        return f"it said {contradictions[0]}" if contradictions else ""

    return missed


def _tells_of(message: Message, member: int) -> bool:
    """Return whether a message may show a vote of a member."""
    match message:
        case CertificateMessage(certificate=certificate):
            return member in {entry.signer for entry in certificate.entries}
        case VoteMessage(vote=vote):
            return vote.signer == member
        case _:
            return isinstance(message, RangeAnswer)


def _exclude(first: Statement, second: Statement) -> bool:
    """Return whether nobody may say both."""
    if (first.epoch, first.view) != (second.epoch, second.view) or first == second:
        return False
    kinds = {type(first), type(second)}
    return kinds in ({Notarize}, {Finalize}, {Nullify, Finalize})


NEWCOMERS = (
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
        "newcomer-forgets-in-secret",
        "a newcomer forgets what it finalized; only a liar heard that, and denies it (S10)",
        lambda seed: Plan(
            seed,
            "newcomer-forgets-in-secret",
            4,
            10_500,
            epoch_ms=5_000,
            byzantine=((0, "perjurer"),),
            newcomers=1,
            wishes=(Wish(100, "add", 4),),
            late=((4, 5_200),),
            faults=(LostDisk(7_400, 4, 50),),
            transfers=2,
            transfers_every_ms=200,
        ),
        _forgets_in_secret,
    ),
)
"""Scenarios of this module."""
