"""Clocks that are wrong, nodes that are far behind, and those who mislead them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from consensus import Finalize
from devnet.simulator.checkers import Objection
from devnet.simulator.disk import Loss
from devnet.simulator.faults import ClockJump, Cut, Pause
from devnet.simulator.plan import Plan
from devnet.simulator.scenarios.base import Scenario
from devnet.simulator.schedule import MS
from devnet.simulator.wire import statement_in
from node.p2p import Message, RangeRequest

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine
    from devnet.simulator.simulation import Simulation

STALL_MS = 2_500
"""How long finality stands still."""

DELTA_MS = 200
"""Δ: what leaders wait twice before they build on a block that is not final."""

UNFINAL_DEPTH = 16
"""Blocks that are not final beyond which bodies are empty (E1)."""

VIEWS_BEHIND = 100
"""Views that the others are ahead when the machine restarts."""


def _loses_questions(simulation: Simulation) -> Callable[[], str]:
    """A question of each node that is behind, to the only one that is not, gets lost.

    By then they have some blocks, so each sees another that answers and is not further than it is.
    """
    source = simulation.machines[0]
    lost: set[str] = set()

    def swallows(sender: Machine, receiver: Machine, message: Message) -> bool:
        is_due = receiver is source and sender.store.height > 0 and sender.name not in lost
        if is_due and isinstance(message, RangeRequest):
            lost.add(sender.name)
            return True
        return False

    simulation.network.swallows = swallows
    return lambda: "" if len(lost) == 2 else f"only {sorted(lost)} lost a question"


def _falls_behind(simulation: Simulation) -> Callable[[], str]:
    """Keep a machine down until the others are a hundred views further, with views given up."""
    machine, order = simulation.machines[3], simulation.checkers.order
    schedule = simulation.world.schedule
    gap: list[int] = []

    def look() -> None:
        views = order.chain[-1].header.view - machine.store.head().header.view
        if views >= VIEWS_BEHIND:
            gap.append(views)
            machine.start()
        else:
            schedule.after(100 * MS, look)

    def down() -> None:
        machine.crash(Loss.POWER, None)
        look()

    schedule.at(500 * MS, down)

    def missed() -> str:
        return "" if gap else "the others never were a hundred views ahead"

    return missed


def _joins_late(simulation: Simulation) -> Callable[[], str]:
    """The late one must have caught a liar lying about blocks."""
    accused = simulation.checkers.accused

    def missed() -> str:
        lies = {"RANGE_INVALID", "RANGE_UNPROVED", "MALFORMED"} & accused
        return "" if lies else f"nobody was caught: {sorted(accused)}"

    return missed


def _strange_times(simulation: Simulation) -> Callable[[], str]:
    order = simulation.checkers.order

    def missed() -> str:
        liars = simulation.machines[1].process
        proposed = getattr(liars.conduct, "proposed", 0) if liars else 0
        newest_ms = order.chain[-1].header.timestamp_ms
        if not proposed:
            return "no block of a strange time was proposed"
        limit_ms = simulation.honest[0].clock.wall_ms() + 2_000
        return "" if newest_ms <= limit_ms else f"the chain's time is {newest_ms}"

    return missed


def _finality_stalls(simulation: Simulation) -> Callable[[], str]:
    """Lose all finalize votes for a while: blocks go on, but do not run away (E1)."""
    schedule, order = simulation.world.schedule, simulation.checkers.order

    def swallows(_sender: Machine, _receiver: Machine, message: Message) -> bool:
        is_storm = 500 <= schedule.now_ms < 500 + STALL_MS
        return is_storm and isinstance(statement_in(message), Finalize)

    simulation.network.swallows = swallows

    def missed() -> str:
        empty = [b for b in order.chain[1:] if not b.header.transaction_count]
        if len(empty) > STALL_MS // DELTA_MS:
            raise Objection("pace", f"{len(empty)} blocks hold nothing; finality stood still")
        return "" if order.height > UNFINAL_DEPTH else f"only {order.height} blocks"

    return missed


def _split_clocks(seed: int) -> Plan:
    jumps = tuple(ClockJump(200, n, skew) for n, skew in enumerate((-4_000, 3_000, 700, -300)))
    return Plan(seed, "split-clocks", 4, 3_000, faults=jumps, jobs=1, is_watched=True)


def _asymmetric(seed: int) -> Plan:
    """Each machine hears only one of the others for a while."""
    pairs = frozenset((a, b) for a in range(4) for b in range(4) if b not in (a, (a + 1) % 4))
    return Plan(seed, "asymmetric-links", 4, 3_000, faults=(Cut(300, pairs, 2_200),))


_ONLY_THE_LIAR = frozenset(pair for other in (1, 2, 3) for pair in ((4, other), (other, 4)))
"""Links of the late one to all but the liar."""

LAGS = (
    Scenario(
        "hundred-views-behind",
        "a node restarts a hundred views behind the others, catches up and votes",
        lambda seed: Plan(
            seed, "hundred-views-behind", 4, 9_000, transfers=2, transfers_every_ms=45
        ),
        _falls_behind,
    ),
    Scenario(
        "lost-question",
        "two nodes lose their only question to the one with the blocks, and ask it again",
        lambda seed: Plan(
            seed,
            "lost-question",
            1,
            2_500,
            newcomers=2,
            late=((1, 800), (2, 800)),
            transfers_every_ms=80,
        ),
        _loses_questions,
    ),
    Scenario(
        "lying-server",
        "a node that starts late asks a peer that spoils ranges, heights and certificates",
        lambda seed: Plan(
            seed,
            "lying-server",
            4,
            5_000,
            epoch_ms=1_200,
            byzantine=((0, "lying-server"),),
            newcomers=1,
            late=((4, 3_500),),
            faults=(Cut(3_400, _ONLY_THE_LIAR, 900),),
            transfers=4,
            transfers_every_ms=100,
        ),
        _joins_late,
    ),
    Scenario(
        "timestamp-at-the-maximum",
        "a leader stamps its blocks with the greatest integers there are",
        lambda seed: Plan(
            seed,
            "timestamp-at-the-maximum",
            4,
            3_000,
            epoch_ms=1_000,
            byzantine=((1, "time-traveller"),),
            transfers=4,
            transfers_every_ms=150,
        ),
        _strange_times,
    ),
    Scenario(
        "finality-stalls",
        "finalize votes get lost for seconds; blocks without transactions do not pile up",
        lambda seed: Plan(seed, "finality-stalls", 4, 3_500, transfers=2, transfers_every_ms=60),
        _finality_stalls,
    ),
    Scenario(
        "split-clocks",
        "four clocks that disagree by seconds, and then agree again",
        _split_clocks,
    ),
    Scenario(
        "asymmetric-links",
        "everybody hears one other only, until the links heal",
        _asymmetric,
    ),
    Scenario(
        "stopped-process",
        "a process stands still for seconds and goes on with everything that it missed",
        lambda seed: Plan(
            seed,
            "stopped-process",
            4,
            4_500,
            epoch_ms=1_500,
            faults=(Pause(300, seed % 4, 4_000),),
            transfers=4,
            transfers_every_ms=120,
        ),
    ),
    Scenario(
        "twins",
        "two machines with one key, on two sides of a partition",
        lambda seed: Plan(
            seed,
            "twins",
            4,
            4_000,
            epoch_ms=1_500,
            twins=3,
            faults=(Cut(300, frozenset({(0, 3), (3, 0), (1, 4), (4, 1), (2, 4), (4, 2)}), 2_000),),
            transfers=12,
        ),
    ),
)
"""Scenarios of this module."""
