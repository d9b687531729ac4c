"""What the chain aims at, and which command measures it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bench.report import Bounds

DESIGN_CORE: Final = 22_500
"""Signatures a second that a core of the machine verifies that the aims were made on."""

DESIGN_CORES: Final = 2
"""Its cores."""

ANY: Final = 10**12
"""No upper bound."""


class Pace(StrEnum):
    """What a figure follows when the machine is another."""

    ALL_CORES = "all cores"
    """It keeps every core busy."""
    ONE_CORE = "one core"
    """It is the work of one core."""
    NONE = "none"
    """It does not depend on the machine's speed, or has it taken out already."""


@dataclass(frozen=True, slots=True)
class Aim:
    """One row of the table of aims."""

    what: str
    """What is measured."""
    key: str
    """Which figure of the benchmark."""
    unit: str
    """Unit of the aims; ``%`` for the figure's share of its limit, unless it is one itself."""
    least: float | None
    """What is aimed at at least; None where the figure is stated without an aim."""
    stretch: float | None
    """What would be better still."""
    pace: Pace
    """How it is told for another machine."""
    bounds: tuple[Bounds, ...]
    """Which runs measure it, by their workload."""
    command: str
    """What measures it, as it stands after ``./dev bench``."""

    @property
    def benchmark(self) -> str:
        """Name of the benchmark that measures it."""
        return self.command.partition(" ")[0]


def _accounts(count: int) -> Bounds:
    return ("accounts", count, count)


def _transactions(least: int) -> Bounds:
    return ("transactions", least, ANY)


_SMALL: Final = "node --accounts 10000"
_MIDDLE: Final = "node --accounts 100000 --transactions 1000000"
_LARGE: Final = "node --accounts 1000000 --transactions 1000000"
_SQLITE: Final = ("engine", "sqlite", "sqlite")
_BIG_NODE: Final = (_accounts(1_000_000), _transactions(1_000_000), _SQLITE)
_FOUR: Final = (("validators", 4, 4), _accounts(10_000), _transactions(20_000))


AIMS: Final = (
    Aim(
        "1 node, HTTP batches of 500, 10^4 accounts",
        "node.rate",
        "1/s",
        15_000,
        25_000,
        Pace.ALL_CORES,
        (_accounts(10_000), _transactions(20_000), ("batch", 500, 500), _SQLITE),
        _SMALL,
    ),
    Aim(
        "same, 10^6 accounts",
        "node.rate",
        "1/s",
        12_000,
        20_000,
        Pace.ALL_CORES,
        (_accounts(1_000_000), _transactions(20_000), ("batch", 500, 500), _SQLITE),
        _LARGE,
    ),
    Aim(
        "same, the last 10^5 of 10^6 transactions",
        "node.rate.last",
        "1/s",
        12_000,
        20_000,
        Pace.ALL_CORES,
        (*_BIG_NODE, ("batch", 500, 500)),
        _LARGE,
    ),
    Aim(
        "ledger alone, share of raw verification",
        "ledger.rate",
        "%",
        40,
        60,
        Pace.NONE,
        (("accounts", 10_000, ANY), ("blocks", 5, ANY)),
        "ledger",
    ),
    Aim(
        "4 validators on the machine",
        "network.rate",
        "1/s",
        5_000,
        7_000,
        Pace.ALL_CORES,
        _FOUR,
        "network",
    ),
    Aim(
        "one in flight, 1 node, p99",
        "node.latency.p99",
        "ms",
        5,
        2,
        Pace.ONE_CORE,
        (_accounts(10_000), _SQLITE),
        _SMALL,
    ),
    Aim(
        "one in flight, 4 validators, p50",
        "network.latency.p50",
        "ms",
        50,
        20,
        Pace.ONE_CORE,
        _FOUR,
        "network",
    ),
    Aim(
        "one in flight, 4 validators, p99",
        "network.latency.p99",
        "ms",
        200,
        100,
        Pace.ONE_CORE,
        _FOUR,
        "network",
    ),
    Aim(
        "API: whole jobs, submit to paid, 1 node",
        "api.whole",
        "1/s",
        400,
        None,
        Pace.ALL_CORES,
        (("jobs", 500, ANY),),
        "api",
    ),
    Aim(
        "API: status reads, share of the bare route",
        "api.status.share",
        "%",
        50,
        None,
        Pace.NONE,
        (("requests", 1_000, ANY),),
        "api",
    ),
    Aim(
        "state root, a changed key of 10^5",
        "root.100000.change",
        "µs",
        5,
        3.5,
        Pace.ONE_CORE,
        (),
        "ledger",
    ),
    Aim(
        "state root, a changed key of 10^6",
        "root.1000000.change",
        "µs",
        8,
        6,
        Pace.ONE_CORE,
        (),
        "ledger",
    ),
    Aim(
        "index rows written at 10^7 rows",
        "index.rows",
        "1/s",
        40_000,
        75_000,
        Pace.ONE_CORE,
        (("rows", 10_000_000, ANY),),
        "index",
    ),
    Aim(
        "memory of a node, 10^6 transactions, 10^5 accounts",
        "node.memory",
        "MiB",
        600,
        400,
        Pace.NONE,
        (_accounts(100_000), _transactions(1_000_000), _SQLITE),
        _MIDDLE,
    ),
    Aim(
        "start of a stopped node, 10^6 accounts",
        "node.start.stop",
        "s",
        None,
        None,
        Pace.ONE_CORE,
        _BIG_NODE,
        _LARGE,
    ),
    Aim(
        "start of a killed node, 10^6 accounts",
        "node.start.kill",
        "s",
        None,
        None,
        Pace.ONE_CORE,
        _BIG_NODE,
        _LARGE,
    ),
)
"""All of them, in the order of the table."""


def commands() -> list[str]:
    """Return the commands that measure all aims, each once."""
    return list(dict.fromkeys(aim.command for aim in AIMS))
