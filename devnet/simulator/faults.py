"""What befalls machines and links in a run, each with its time; a plan is a list of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from devnet.simulator.disk import Loss
from devnet.simulator.schedule import MS

if TYPE_CHECKING:
    from devnet.simulator.network import SimNetwork


@dataclass(frozen=True, slots=True)
class Crash:
    """A machine ends at a place of its own: before a write, a sync, a commit, or a message."""

    at_ms: int
    """When it is told to."""
    machine: int
    """Which."""
    places: int
    """How many places it still passes."""
    loss: Loss
    """What becomes of unsynced writes."""
    down_ms: int
    """When it starts again."""

    def begin(self, network: SimNetwork) -> None:
        """Let it happen."""
        machine = network.machines[self.machine]
        if machine.process is not None:
            machine.arm(self.places, self.loss, self.down_ms)

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f"v{self.machine}: {self.loss.value} at the place number {self.places} from here, "
            f"for {self.down_ms} ms"
        )


@dataclass(frozen=True, slots=True)
class Pause:
    """A process stands still, as after SIGSTOP; its messages wait."""

    at_ms: int
    """When."""
    machine: int
    """Which."""
    for_ms: int
    """How long."""

    def begin(self, network: SimNetwork) -> None:
        """Let it happen."""
        network.machines[self.machine].pause(self.for_ms)

    def __str__(self) -> str:
        """Return it in words."""
        return f"v{self.machine}: stopped for {self.for_ms} ms"


@dataclass(frozen=True, slots=True)
class Cut:
    """Some links carry nothing."""

    at_ms: int
    """When."""
    pairs: frozenset[tuple[int, int]]
    """(from, to) of machines; one way only if the reverse is not here."""
    for_ms: int
    """How long."""

    def begin(self, network: SimNetwork) -> None:
        """Let it happen."""
        network.cut |= self.pairs
        network.world.schedule.after(self.for_ms * MS, network.cut.difference_update, self.pairs)

    def __str__(self) -> str:
        """Return it in words."""
        links = ", ".join(f"{a}→{b}" for a, b in sorted(self.pairs))
        return f"links {links} are cut for {self.for_ms} ms"


@dataclass(frozen=True, slots=True)
class ClockJump:
    """A wall clock is wrong from here on, until it jumps again or the run heals."""

    at_ms: int
    """When."""
    machine: int
    """Whose."""
    skew_ms: int
    """How far it is ahead of the truth then."""

    def begin(self, network: SimNetwork) -> None:
        """Let it happen."""
        network.machines[self.machine].clock.skew_ms = self.skew_ms

    def __str__(self) -> str:
        """Return it in words."""
        return f"v{self.machine}: clock is {self.skew_ms:+} ms off"


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """Syncs and commits take long."""

    at_ms: int
    """When."""
    machine: int
    """Whose."""
    up_to_ms: int
    """Longest sync."""

    def begin(self, network: SimNetwork) -> None:
        """Let it happen."""
        machine = network.machines[self.machine]
        machine.sync_us = machine.commit_us = (1 * MS, self.up_to_ms * MS)

    def __str__(self) -> str:
        """Return it in words."""
        return f"v{self.machine}: disk takes up to {self.up_to_ms} ms"


@dataclass(frozen=True, slots=True)
class FullDisk:
    """Writes fail: the node stops itself, and is started again until there is room."""

    at_ms: int
    """When."""
    machine: int
    """Whose."""
    for_ms: int
    """How long."""

    def begin(self, network: SimNetwork) -> None:
        """Let it happen."""
        disk = network.machines[self.machine].disk
        disk.is_full = True
        network.world.schedule.after(self.for_ms * MS, setattr, disk, "is_full", False)

    def __str__(self) -> str:
        """Return it in words."""
        return f"v{self.machine}: disk is full for {self.for_ms} ms"


@dataclass(frozen=True, slots=True)
class LostJournal:
    """A machine crashes and its journal folder is gone; the database stays (S10)."""

    at_ms: int
    """When."""
    machine: int
    """Whose."""
    down_ms: int
    """When it starts again."""

    def begin(self, network: SimNetwork) -> None:
        """Let it happen."""
        machine = network.machines[self.machine]
        machine.crash(Loss.POWER, self.down_ms)
        machine.disk.wipe()
        machine.lost_journal = True

    def __str__(self) -> str:
        """Return it in words."""
        return f"v{self.machine}: loses its journal, down for {self.down_ms} ms"


@dataclass(frozen=True, slots=True)
class LostDisk:
    """A machine crashes and gets an empty disk: journal and database are gone (S10)."""

    at_ms: int
    """When."""
    machine: int
    """Which."""
    down_ms: int
    """When it starts again."""

    def begin(self, network: SimNetwork) -> None:
        """Let it happen."""
        machine = network.machines[self.machine]
        machine.crash(Loss.POWER, self.down_ms)
        machine.replace_disk()

    def __str__(self) -> str:
        """Return it in words."""
        return f"v{self.machine}: loses its disk, down for {self.down_ms} ms"


Fault = Crash | Pause | Cut | ClockJump | SlowDisk | FullDisk | LostJournal | LostDisk
"""Anything that befalls a run."""
