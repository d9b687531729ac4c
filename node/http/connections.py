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
from typing import Final

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from node.p2p.addresses import neighbourhood

CONNECTIONS_MAX: Final = 2_048
"""Connections at once, where the configuration says nothing else."""

_SHARE: Final = 4
"""One neighbourhood has at most this part of the room, a quarter, unless it is a trusted proxy."""

_WARN_SECONDS: Final = 60.0
"""Between two warnings that connections are refused."""

_FULL: Final = b"Too many connections are open; try again in a second.\n"

_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\n"
    b"Retry-After: 1\r\n"
    b"Connection: close\r\n\r\n%b" % (len(_FULL), _FULL)
)

log = structlog.get_logger(__name__)


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
        self._places: dict[str, dict[RoomyProtocol, None]] = {}
        self._warned_s = float("-inf")

    def count(self) -> int:
        """Return how many connections are open."""
        return len(self.connections())

    def connections(self) -> list["RoomyProtocol"]:
        """Return the open ones."""
        self._sweep(list(self._places))
        return [each for places in self._places.values() for each in places]

    def enter(self, connection: "RoomyProtocol", host: str) -> bool:
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

    def leave(self, connection: "RoomyProtocol", host: str) -> None:
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


class RoomyProtocol(H11Protocol):
    """An HTTP connection that needs a place in a `Room`, and may not fall silent in a request."""

    room: Room
    """Of the server; `protocol_in` sets it."""

    _refused = False
    _patience: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way: no answer is awaited, and no head came whole."""
        return self.conn.their_state is h11.IDLE and self.transport.get_protocol() is self

    @property
    def is_awaited(self) -> bool:
        """Whether the other side has to go on with a request."""
        return self._patience is not None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, or answer that there is none."""
        super().connection_made(transport)
        if self.client is None or self.room.enter(self, self.client[0]):
            self._await_more()
            return
        self._refused = True
        transport.write(_REFUSAL)
        transport.close()

    def data_received(self, data: bytes) -> None:
        """Take what came, and see what is awaited now."""
        if self._refused:
            return
        super().data_received(data)
        self._await_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._stop_waiting()
        if self.client is not None:
            self.room.leave(self, self.client[0])
        super().connection_lost(exc)

    def _await_more(self) -> None:
        """Be patient for a while where the other side has to go on.

        A head has one deadline, however its bytes drip; of a body each piece has. While an answer
        is made nothing is awaited, and between two requests the server's own timer runs.
        """
        state = self.conn.their_state
        if self.transport.get_protocol() is not self or state not in {h11.IDLE, h11.SEND_BODY}:
            self._stop_waiting()
        elif state is h11.SEND_BODY:
            self._stop_waiting()
            self._wait(self.room.limits.body_pause_s)
        elif self._patience is None:
            self._wait(self.room.limits.head_s)

    def _wait(self, seconds: float) -> None:
        self._patience = self.loop.call_later(seconds, self._lose_patience)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        if self.flow.read_paused:
            # The application is behind, not the other side.
            self._wait(self.room.limits.body_pause_s)
        else:
            self.transport.abort()


def protocol_in(room: Room) -> type[asyncio.Protocol]:
    """Return the protocol of connections that need a place in this room."""
    return type("RoomyProtocolHere", (RoomyProtocol,), {"room": room})
