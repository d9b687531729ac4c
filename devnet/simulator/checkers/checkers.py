"""All checkers of a run; implements `devnet.simulator.world.Watcher`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from devnet.simulator.checkers.money import Money
from devnet.simulator.checkers.objection import Objection
from devnet.simulator.checkers.order import Order
from devnet.simulator.checkers.votes import VoteChecker

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine
    from devnet.simulator.world import World
    from ledger.block import Block
    from ledger.outcomes import Outcome
    from ledger.state import StateDelta
    from ledger.types import Hash
    from node.p2p import Message

HEARTBEAT_MS: Final = 10_000
"""Silence after which an idle chain makes a block."""

CLOCK_MS: Final = 200
"""What two honest clocks and a message's way may make of it."""


class Checkers:
    """Objects, by raising `Objection`, to whatever no run may show."""

    def __init__(
        self,
        world: World,
        dishonest: frozenset[bytes],
        honest: list[Machine],
        live: list[Machine],
    ) -> None:
        """Begin at block 0.

        Args:
            world: of the run.
            dishonest: keys whose votes may contradict each other, a twin's included.
            honest: machines whose process keeps the rules.
            live: those of them that must get along.
        """
        self._schedule = world.schedule
        self.order = Order(world.genesis, dishonest)
        self.money = Money(world.genesis)
        self.votes = VoteChecker(self.order)
        self._honest = honest
        self._live = live
        self._reported: dict[tuple[int, Hash], int] = {}
        """Height at which a machine reported a transaction final."""
        self.accused: set[str] = set()
        """Codes of all accusations."""
        self._quiet_from = 0
        self._made_ms = [0]
        """Time at which each height became durable somewhere first."""

    # ------------------------------------------------------------ what happens

    def on_sent(self, machine: Machine, message: Message) -> None:
        """Note a message on its way out of a machine."""
        self.votes.on_sent(machine, message)

    def on_durable(
        self,
        machine: Machine,
        block: Block,
        outcomes: Sequence[Outcome],
        delta: StateDelta,
        certificate: bytes,
    ) -> None:
        """Note that a database holds a final block."""
        if machine.is_byzantine:
            return
        if self.order.on_durable(machine, block, delta, certificate):
            self.money.on_final(block, outcomes, delta)
            self._made_ms.append(self._schedule.now_ms)

    def on_published(self, machine: Machine, height: int) -> None:
        """Note that a node reports the blocks up to a height as final to its readers."""
        if machine.is_byzantine:
            return
        if machine.store.height < height:
            raise Objection("final", f"{machine.name} reports height {height} before it is durable")
        for transaction_id in machine.store.ids_at(height):
            self._reported[(machine.number, transaction_id)] = height

    def on_fault(self, machine: Machine, accused: Machine, code: str, *, provable: bool) -> None:
        """Note an accusation: an honest node accuses no honest one of what only a liar does."""
        self.accused.add(code)
        honest = not machine.is_byzantine and self.order.is_honest(accused.public_key)
        if provable and honest:
            raise Objection("faults", f"{machine.name} accuses {accused.name} of {code}")

    def is_final_on(self, machine: Machine, transaction_id: Hash) -> bool:
        """Return whether a machine's database holds a transaction."""
        height = self.money.heights.get(transaction_id)
        return height is not None and machine.store.height >= height

    # ------------------------------------------------------------ what is asked afterwards

    def epochs_behind(self) -> int:
        """Return how many epochs the last honest machine is behind the first."""
        epochs = [machine.store.head().header.epoch for machine in self._live]
        return max(epochs) - min(epochs)

    def begin_quiet(self) -> None:
        """From here on there is nothing to order."""
        self._quiet_from = self.order.height

    def end_quiet(self) -> None:
        """Honest leaders made heartbeats only since `begin_quiet`.

        A liar's block may take longer to become final than a good leader waits for it, and its
        child may be empty then, to carry it. So may the child's own: who got another block of the
        liar's, or no vote of it, is late for the next one, too.
        """
        for height in range(self._quiet_from + 1, self.order.height + 1):
            header = self.order.chain[height].header
            carried = [self.order.chain[at].header for at in range(max(1, height - 2), height)]
            if not all(self.order.is_honest(each.proposer) for each in carried):
                continue
            is_idle = header.transaction_count == 0 and header.outcome_count == 0
            waited_ms = self._made_ms[height] - self._made_ms[height - 1]
            is_early = waited_ms < HEARTBEAT_MS - CLOCK_MS
            if is_idle and is_early and self.order.is_honest(header.proposer):
                what = f"block {height} holds nothing, {waited_ms} ms after the one before"
                raise Objection("quiet", what)

    def at_end(self) -> None:
        """Every honest machine has the same chain and state, and all that was reported final."""
        best = max(self._honest, key=lambda machine: machine.store.height)
        for machine in self._honest:
            behind = best.store.height - machine.store.height
            if behind == 0 and machine.store.records != best.store.records:
                raise Objection("agreement", f"{machine.name} has another state than {best.name}")
            self._check_signing(machine)
        for (number, transaction_id), height in self._reported.items():
            for machine in self._honest:
                if machine.store.height < height:
                    continue
                if transaction_id not in machine.store.ids_at(height):
                    name = transaction_id.hex()[:8]
                    what = f"v{number} reported {name} final, and {machine.name} lacks it"
                    raise Objection("final", what)

    def _check_signing(self, machine: Machine) -> None:
        """Silent may be who has no journal of an epoch in which it never voted (S10)."""
        silent = machine.process.silent_because if machine.process else "it is down"
        epoch = machine.process.driver.committee.epoch if machine.process else 0
        is_alone = self.order.is_honest(machine.public_key)
        has_voted = self.votes.has_voted(machine, epoch)
        is_known = machine.lost_journal or not is_alone
        if silent and not is_known and (has_voted or "journal" not in silent):
            raise Objection("signing", f"{machine.name} does not sign: {silent}")
