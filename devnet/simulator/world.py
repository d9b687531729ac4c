"""What the parts of one simulation share: time, chance, keys, the record of what happened."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from consensus import SignatureCheck
from devnet.simulator.genesis import SimGenesis
from devnet.simulator.people import Signing
from devnet.simulator.schedule import Schedule
from ledger.block import Block
from ledger.outcomes import Outcome
from ledger.state import StateDelta
from node.p2p import Message

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine


class Interruption(SystemExit):
    """Base of what must end a node's code wherever it stands, and reach the simulation.

    A node keeps its invariants by catching exceptions, and asyncio hands them to whoever awaits the
    task. A `SystemExit` is the one kind that passes through both.
    """


class Watcher(Protocol):
    """Sees what leaves machines and what becomes durable on them; the checkers are one."""

    def on_sent(self, machine: Machine, message: Message) -> None:
        """Note a message on its way out of a machine."""

    def on_durable(
        self,
        machine: Machine,
        block: Block,
        outcomes: Sequence[Outcome],
        delta: StateDelta,
        certificate: bytes,
    ) -> None:
        """Note that a database holds a final block."""

    def on_published(self, machine: Machine, height: int) -> None:
        """Note that a node reports a final block to its readers."""

    def on_fault(self, machine: Machine, accused: Machine, code: str, *, provable: bool) -> None:
        """Note that a node says another sent what no honest node sends."""


class World:
    """One simulation's surroundings; everything in it follows from the seed."""

    def __init__(self, seed: int, genesis: SimGenesis, signing: Signing, *, traced: bool) -> None:
        """Begin at time 0; whoever watches is set before anything runs.

        Args:
            seed: decides every random choice.
            genesis: block 0.
            signing: how votes are signed.
            traced: whether the story is kept as text; the event hash is the same either way.
        """
        self.seed = seed
        self.genesis = genesis
        self.signing = signing
        self.check: SignatureCheck = signing.check
        """Checks votes; a measurement counts its calls."""
        self.schedule = Schedule()
        self.story: list[str] | None = [] if traced else None
        """What happened, a line each, if anybody wants to read it."""
        self.watcher: Watcher
        self.acting = "-"
        """Name of the machine whose process acts now, for its log."""
        self._hash = hashlib.sha256()
        self.events = 0
        """Events so far."""

    def chance(self, purpose: str) -> random.Random:
        """Return a source of randomness of its own, so that one use does not shift another."""
        return random.Random(f"{self.seed}/{purpose}")

    def mark(self, event: bytes) -> None:
        """Take an event into the run's hash, with its time."""
        self.events += 1
        self._hash.update(b"%d;" % self.schedule.now_us + event)

    def tell(self, who: str, what: Callable[[], str]) -> None:
        """Add a line to the story; `what` is only asked if the story is kept."""
        if self.story is not None:
            self.story.append(f"{self.schedule.now_us / 1_000_000:10.6f}  {who:<5} {what()}")

    def event_hash(self) -> str:
        """Return the hash of all events so far: equal for two runs of a seed."""
        return self._hash.hexdigest()
