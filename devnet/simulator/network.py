"""Links between machines: they delay, lose, double, reorder, and are cut, one way or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from devnet.simulator.schedule import MS
from devnet.simulator.sim_peers import SimPeer
from devnet.simulator.wire import name_of, words_of
from devnet.simulator.world import World
from node.p2p import Message

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine


@dataclass(frozen=True, slots=True)
class Weather:
    """How all links behave."""

    delay_us: tuple[int, int] = (500, 5_000)
    """Least and greatest delay; messages overtake each other within it."""
    loss: float = 0.0
    """Part of the messages that get lost."""
    doubling: float = 0.0
    """Part of the messages that arrive twice."""
    straggling: float = 0.0
    """Part of the messages that take up to `straggling_ms` longer."""
    straggling_ms: int = 1_000
    """See above."""

    def __str__(self) -> str:
        """Return it in words."""
        low, high = self.delay_us
        return (
            f"delay {low / MS:g}–{high / MS:g} ms, loss {self.loss:.0%}, doubling "
            f"{self.doubling:.0%}, {self.straggling:.0%} up to {self.straggling_ms} ms late"
        )


DIAL_US: Final = (1 * MS, 10 * MS)
"""Time in which a connection is made, or its end is noticed."""

DIAL_AGAIN_US: Final = 250 * MS
"""Time after which a dial that failed is tried again."""

CALM = Weather()
"""The network after it has healed: far within Δ."""


class SimNetwork:
    """All links of a simulation."""

    def __init__(self, world: World, weather: Weather) -> None:
        """Begin with no machine connected."""
        self.world = world
        self.weather = weather
        self.machines: list[Machine] = []
        """All machines."""
        self.cut: set[tuple[int, int]] = set()
        """Pairs (from, to) of machine numbers that nothing passes."""
        self.swallows: Callable[[Machine, Machine, Message], bool] = lambda *_: False
        """A scenario's own choice of what gets lost: sender, receiver, message."""
        self.sent = 0
        """Messages put on links so far."""
        self._chance = world.chance("links")

    # ------------------------------------------------------------ connections

    def join(self, machine: Machine) -> None:
        """Have a process that starts dial everybody."""
        others = [other for other in self.machines if other.public_key != machine.public_key]
        for other in others:
            self.world.schedule.after(self._chance.randint(*DIAL_US), self._dial, machine, other)

    def leave(self, machine: Machine, peers: Sequence[SimPeer]) -> None:
        """Have the peers of a process that ended notice, and dial a twin of it."""
        for peer in peers:
            end, process = peer.other_end, peer.machine.process
            if process is None:
                continue
            self.world.schedule.after(
                self._chance.randint(*DIAL_US),
                peer.machine.call,
                process,
                process.peers.disconnect,
                end,
            )
            for twin in self.machines:
                if twin.public_key == machine.public_key:
                    delay_us = 10 * self._chance.randint(*DIAL_US)
                    self.world.schedule.after(delay_us, self._dial, peer.machine, twin)

    def _dial(self, first: Machine, second: Machine) -> None:
        """Connect the processes of two machines, unless each knows the other's key already."""
        one, two = first.process, second.process
        if one is None or two is None or not (one.is_open and two.is_open):
            return
        known = one.peers.knows(second.public_key), two.peers.knows(first.public_key)
        if any(known):
            if not all(peer is None or peer.other_end.is_open for peer in known):
                # A stopped process has not noticed yet that the connection before has ended.
                self.world.schedule.after(DIAL_AGAIN_US, self._dial, first, second)
            return
        here, there = SimPeer(one.peers, second), SimPeer(two.peers, first)
        here.other_end, there.other_end = there, here
        one.peers.promise(here)
        two.peers.promise(there)
        first.call(one, one.peers.connect, here)
        second.call(two, two.peers.connect, there)

    # ------------------------------------------------------------ messages

    def transmit(self, sender: Machine, peer: SimPeer, message: Message) -> None:
        """Put a message on a link."""
        self.sent += 1
        world, weather, chance = self.world, self.weather, self._chance
        world.watcher.on_sent(sender, message)
        if (sender.number, peer.machine.number) in self.cut:
            return
        if self.swallows(sender, peer.machine, message):
            return
        if weather.loss and chance.random() < weather.loss:
            return
        copies = 2 if weather.doubling and chance.random() < weather.doubling else 1
        for _ in range(copies):
            least_us, most_us = weather.delay_us
            delay_us = least_us + int(chance.random() * (most_us - least_us))
            if weather.straggling and chance.random() < weather.straggling:
                delay_us += chance.randrange(weather.straggling_ms * MS)
            world.schedule.after(delay_us, self._arrive, sender, peer, message)

    def _arrive(self, sender: Machine, peer: SimPeer, message: Message) -> None:
        receiver, end = peer.machine, peer.other_end
        process = receiver.process
        if process is None or not end.is_open:
            return
        self.world.mark(b"%d>%d " % (sender.number, receiver.number) + name_of(message))
        if self.world.story is not None:
            receiver.tell(lambda: f"hears from {sender.name}: {words_of(message)}")
        receiver.call(process, process.peers.receive, end, message)
