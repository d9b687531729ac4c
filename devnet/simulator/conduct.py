"""How a node treats its peers: honestly, unless a Byzantine strategy says otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from node.p2p import Message

if TYPE_CHECKING:
    from devnet.simulator.process import Process
    from devnet.simulator.sim_peers import SimPeer


class Conduct:
    """Honest: what the node sends goes out as it is, and what comes in reaches it."""

    signs_honestly = True
    """Whether the node's own consensus votes; else the conduct makes all votes of its key."""

    def attach(self, process: Process) -> None:
        """Note the process that behaves like this."""
        self.process = process

    def started(self) -> None:
        """The process is up; peers are not connected yet."""

    def outgoing(self, _peer: SimPeer, message: Message) -> Iterable[Message]:
        """Return what goes to a peer in the place of a message of the node's."""
        return (message,)

    def incoming(self, _peer: SimPeer, _message: Message) -> bool:
        """Look at what a peer sent; return whether the node gets it."""
        return True
