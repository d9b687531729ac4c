"""The room for HTTP connections: how many there are at once, and how long they may say nothing.

A connection costs a descriptor and some memory before anybody knows who it is. Without a bound,
strangers who open some and say nothing would take all descriptors of the process, and with them
the node's links to its peers and its files. So the room is bounded, one neighbourhood has a quarter
of it at most, and whoever begins a request has to go on with it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final, Protocol

import structlog

from node.p2p.addresses import neighbourhood

CONNECTIONS_MAX: Final = 2_048
"""Connections at once, where the configuration says nothing else."""

_SHARE: Final = 4
"""One neighbourhood has at most this part of the room, a quarter, unless it is a trusted proxy."""

_WARN_SECONDS: Final = 60.0
"""Between two warnings that connections are refused."""

log = structlog.get_logger(__name__)


class Connection(Protocol):
    """What a room knows of a connection."""

    transport: asyncio.Transport
    """Its transport."""

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""

    @property
    def is_awaited(self) -> bool:
        """Whether the other side has to go on with a request."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What connections may cost."""

    total: int = CONNECTIONS_MAX
    """At once."""
    head_s: float = 30.0
    """From a connection's beginning, or a head's first byte, to the head's end."""
    body_pause_s: float = 30.0
    """Between two pieces of a body that the application waits for."""
    trusted: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks of proxies, through which everybody comes: they may have the whole room."""


class Room:
    """The open connections, by neighbourhood."""

    def __init__(self, limits: ConnectionLimits) -> None:
        """Open an empty room."""
        self.limits = limits
        self.refused = 0
        """Connections that found no place, since the start."""
        self._places: dict[str, dict[Connection, None]] = {}
        self._warned_s = float("-inf")

    def count(self) -> int:
        """Return how many connections are open."""
        return len(self.connections())

    def connections(self) -> list[Connection]:
        """Return the open ones."""
        self._sweep(list(self._places))
        return [each for places in self._places.values() for each in places]

    def enter(self, connection: Connection, host: str) -> bool:
        """Give a connection a place; False if there is none for it.

        A full room makes place: the oldest connection without a request is closed, of the
        neighbourhood that holds most of them.

        Args:
            connection: the newcomer.
            host: the address that it comes from.
        """
        near = neighbourhood(host)
        places = self._places.setdefault(near, {})
        share = self.limits.total if self._is_trusted(host) else self.limits.total // _SHARE
        if len(places) >= share:
            self._sweep([near])
        if len(places) < share and self._makes_place():
            self._places.setdefault(near, places)[connection] = None
            return True
        if not places:
            self._places.pop(near, None)
        self._refuse(near)
        return False

    def leave(self, connection: Connection, host: str) -> None:
        """Take a connection's place back; nothing happens if it has none."""
        near = neighbourhood(host)
        places = self._places.get(near, {})
        places.pop(connection, None)
        if not places:
            self._places.pop(near, None)

    def _makes_place(self) -> bool:
        if (
            sum(map(len, self._places.values())) < self.limits.total
            or self.count() < self.limits.total
        ):
            return True
        for places in sorted(self._places.values(), key=len, reverse=True):
            for connection in places:
                if connection.is_idle:
                    connection.transport.abort()
                    del places[connection]
                    return True
        return False

    def _sweep(self, neighbourhoods: Sequence[str]) -> None:
        """Take back the places of those that ended as WebSockets, which tell nobody."""
        for near in neighbourhoods:
            places = self._places[near]
            for connection in [each for each in places if each.transport.is_closing()]:
                del places[connection]
            if not places:
                del self._places[near]

    def _is_trusted(self, host: str) -> bool:
        if not self.limits.trusted:
            return False
        address = ip_address(host.partition("%")[0])
        return any(address in network for network in self.limits.trusted)

    def _refuse(self, near: str) -> None:
        self.refused += 1
        now_s = asyncio.get_running_loop().time()
        if now_s - self._warned_s >= _WARN_SECONDS:
            self._warned_s = now_s
            log.warning(
                "http_connections_refused",
                neighbourhood=near,
                refused=self.refused,
                total_max=self.limits.total,
                neighbourhood_max=self.limits.total // _SHARE,
            )
