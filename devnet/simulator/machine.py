"""A machine: disk, database, clocks, and at most one process of a node on it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from consensus import Statement
from devnet.simulator.checkers.objection import Objection
from devnet.simulator.disk import Loss, SimDisk
from devnet.simulator.genesis import GENESIS_MS
from devnet.simulator.people import validator_key
from devnet.simulator.schedule import MS, Schedule
from devnet.simulator.store import MemoryStore
from devnet.simulator.world import Interruption, World
from ledger.types import PublicKey, TimestampMs
from node.journal import JournalError, JournalFailed

if TYPE_CHECKING:
    from devnet.simulator.process import Process

SENDING: Final = "sending"
"""Before each message that leaves the process; beside the places of `node.failpoints`."""

ARMED_MS: Final = 400
"""A machine that was told to lose power and reaches too few places loses it anyway by then."""

RESTART_MS: Final = 300
"""Time after which a supervisor starts a process again that stopped itself."""

THREAD_US: Final = (20, 100)
"""The same of work in a thread."""

FAST_US: Final = (50, 400)
"""Least and greatest time of a sync or a commit on a healthy disk."""


STATEMENTS: Final = msgspec.msgpack.Decoder(Statement)
"""Reads what a vote says."""


class PowerCut(Interruption):
    """The machine stops here and now."""


class SimClock:
    """A machine's clocks; implements `node.ports.Clock`."""

    def __init__(self, schedule: Schedule, boot_ms: int) -> None:
        """Start right; `boot_ms` makes monotonic times of two machines incomparable."""
        self._schedule = schedule
        self._boot_ms = boot_ms
        self.skew_ms = 0
        """How far the wall clock is ahead of the true time."""

    def wall_ms(self) -> TimestampMs:
        """Return milliseconds since the Unix epoch, right or wrong."""
        return GENESIS_MS + self._schedule.now_ms + self.skew_ms

    def monotonic_ms(self) -> int:
        """Return milliseconds that never go back."""
        return self._schedule.now_ms + self._boot_ms


class Machine:
    """Outlives its processes; whatever a process does runs through `call`."""

    def __init__(
        self, world: World, number: int, member: int, start: Callable[[Machine], Process]
    ) -> None:
        """Set up a machine with nothing on it but block 0.

        Args:
            world: the simulation.
            number: of the machine, from 0.
            member: whose validator key is on it; twins share one.
            start: makes a process from what the disk and the database hold.
        """
        self.world = world
        self.number = number
        self.member = member
        self.name = f"v{number}"
        """Short name for the story."""
        self.public_key: PublicKey = validator_key(member).public_key
        self.chance: random.Random = world.chance(f"machine-{number}")
        self.disk = SimDisk(self.chance)
        self.store = self._new_store()
        self.clock = SimClock(world.schedule, 1_000_000 + 77_777 * number)
        self.process: Process | None = None
        """The running process."""
        self.is_byzantine = False
        """Whether whoever runs it breaks the rules."""
        self.lost_journal = False
        """Whether its journal was lost, so that it may be silent for an epoch (S10)."""
        self.sync_us = self.commit_us = FAST_US
        self.watch: Callable[[str], bool] = lambda _place: False
        """A scenario's own reason to cut the power at a place."""
        self.signed: list[Statement] = []
        """Every vote that its processes signed, in order."""
        self.may_refuse = False
        """Whether a process may refuse to start because of its journal."""
        self.refusals: list[str] = []
        """Codes of the reasons for which processes refused to start."""
        self.crashes = 0
        """How often a process ended without wanting to."""
        self.stops = 0
        """How often a process stopped itself because of its disk."""
        self._start = start
        self._is_paused = False
        self._deferred: list[tuple[Process, Callable[..., None], tuple[object, ...]]] = []
        self._armed: tuple[int, Loss, int] | None = None

    def tell(self, what: Callable[[], str]) -> None:
        """Add a line to the story."""
        self.world.tell(self.name, what)

    # ------------------------------------------------------------ running

    def start(self) -> None:
        """Start a process on what is durable, unless one runs."""
        if self.process is not None:
            return
        self.tell(lambda: f"starts at final height {self.store.height}")
        try:
            self.process = self._start(self)
        except (JournalFailed, OSError) as error:
            self._stop_itself(error)
            return
        except JournalError as error:
            self.disk.lose(Loss.KILLED)
            self._refuse(error)
            return
        self.call(self.process, self.process.begin)

    def call(self, process: Process, action: Callable[..., None], *arguments: object) -> None:
        """Let a process act, unless it has ended; a stopped one acts when it goes on.

        Raises:
            Objection: a checker objects, or the process broke an invariant of its own.
        """
        if self.process is not process:
            return
        if self._is_paused:
            self._deferred.append((process, action, arguments))
            return
        self.world.acting = self.name
        try:
            process.loop.act(action, *arguments)
        except PowerCut as cut:
            self._cut(str(cut))
            return
        if process.failure is not None:
            self._judge(process.failure)

    def note_signed(self, message: bytes) -> None:
        """Note a vote that is being signed: 32 bytes of tag, and the statement."""
        self.signed.append(STATEMENTS.decode(message[32:]))

    def reached(self, place: str) -> None:
        """Note that the process came to a place at which the power may fail.

        Raises:
            PowerCut: it does.
        """
        if self.watch(place):
            raise PowerCut(place)
        if self._armed is not None:
            left, loss, down_ms = self._armed
            self._armed = (left - 1, loss, down_ms)
            if left <= 0:
                raise PowerCut(place)

    # ------------------------------------------------------------ what befalls it

    def arm(self, places: int, loss: Loss, down_ms: int) -> None:
        """Have the process end when it has come to so many places, or after a while."""
        self._armed = (places, loss, down_ms)
        self.world.schedule.after(ARMED_MS * MS, self._cut_if_armed)

    def crash(self, loss: Loss, down_ms: int | None) -> None:
        """End the process now.

        Args:
            loss: what becomes of unsynced writes.
            down_ms: when to start again; None for not by itself.
        """
        self.crashes += 1
        self.tell(lambda: f"CRASH ({loss.value}), down for {down_ms} ms")
        self._armed = None
        self._deferred.clear()
        self._is_paused = False
        process, self.process = self.process, None
        self.disk.lose(loss)
        if process is not None:
            process.end()
        if down_ms is not None:
            self.world.schedule.after(down_ms * MS, self.start)

    def replace_disk(self) -> None:
        """Lose journal and database; no process runs."""
        self.disk.wipe()
        self.store = self._new_store()
        self.lost_journal = True

    def pause(self, for_ms: int) -> None:
        """Stop the process, as SIGSTOP does, and let it go on later."""
        if self.process is not None and not self._is_paused:
            self.tell(lambda: f"PAUSE for {for_ms} ms")
            self._is_paused = True
            self.world.schedule.after(for_ms * MS, self.resume)

    def resume(self) -> None:
        """Let a stopped process go on with everything that waits for it."""
        if not self._is_paused:
            return
        self.tell(lambda: "goes on")
        self._is_paused = False
        deferred, self._deferred = self._deferred, []
        for process, action, arguments in deferred:
            self.call(process, action, *arguments)

    def recover(self) -> None:
        """End all that is wrong with the machine itself."""
        self._armed = None
        self.disk.is_full = False
        self.sync_us = self.commit_us = FAST_US
        self.clock.skew_ms = 0
        self.resume()
        self.start()

    def delay_us(self, executor: str) -> int:
        """Return how long work takes on an executor of the process."""
        match executor:
            case "journal":
                least_us, most_us = self.sync_us
            case "store":
                least_us, most_us = self.commit_us
            case _:
                least_us, most_us = THREAD_US
        return least_us + int(self.chance.random() * (most_us - least_us))

    def _new_store(self) -> MemoryStore:
        store = self.world.genesis.store()
        store.check_room = self.disk.check_room
        store.on_commit = lambda *what: self.world.watcher.on_durable(self, *what)
        return store

    def _cut_if_armed(self) -> None:
        if self._armed is not None and self.process is not None:
            self._cut("nowhere in particular")

    def _cut(self, place: str) -> None:
        _, loss, down_ms = self._armed or (0, Loss.POWER, 100)
        self.tell(lambda: f"loses power at {place}")
        self.crash(loss, down_ms)

    def _judge(self, failure: BaseException) -> None:
        """A process may stop itself because of its disk, and for nothing else."""
        cause = failure.__cause__ or failure
        if isinstance(cause, JournalFailed | OSError):
            self._stop_itself(cause)
        else:
            raise Objection("node", f"{self.name} stopped itself: {cause!r}") from cause

    def _refuse(self, error: JournalError) -> None:
        self.tell(lambda: f"refuses to start: {error}")
        self.refusals.append(error.code)
        if not self.may_refuse:
            raise Objection("node", f"{self.name} refuses to start: {error.code}") from error

    def _stop_itself(self, error: BaseException) -> None:
        self.stops += 1
        self.tell(lambda: f"stops itself: {error}")
        self.crash(Loss.KILLED, RESTART_MS)
