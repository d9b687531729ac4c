"""Connections that others make: counted before anything is spent on them."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from websockets.server import ServerProtocol

from node.p2p.addresses import neighbourhood, parse_listen_address
from node.p2p.config import Limits
from node.p2p.gate import Gate, Visit
from node.p2p.wire import CLOSE_SECONDS, MakeWire, Wire

log = structlog.get_logger(__name__)

BACKLOG: Final = 128
"""Connections that the kernel holds while this node is busy."""

SHORT_OF_FILES_SECONDS: Final = 0.5
"""Pause when the system has no file descriptor or memory left for a connection."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A connection that another made, and that has proved nothing."""

    address: str
    """Where it comes from."""
    visit: Visit
    """What the gate knows of it."""
    deadline_s: float
    """Time of the event loop at which TLS and hello have to be done."""


Serve = Callable[[Wire, Arrival], Awaitable[None]]
"""Says hello before the deadline, and begins to talk."""


class Listener:
    """Takes connections at some addresses."""

    def __init__(
        self,
        listen: Sequence[str],
        tls: ssl.SSLContext,
        limits: Limits,
        *,
        now_ms: Callable[[], int],
        make_wire: MakeWire,
        refused: Callable[[str], None],
        is_familiar: Callable[[str], bool],
    ) -> None:
        """Prepare.

        Args:
            listen: numeric ``address:port``.
            tls: what this process shows.
            limits: bounds of connections.
            now_ms: monotonic time.
            make_wire: makes the protocol of each connection.
            refused: called with a code for each connection that ends before the hello.
            is_familiar: whether a neighbourhood is one of peers that this node wants.

        Raises:
            AddressInvalid: an entry of `listen`.
        """
        self._listen = [parse_listen_address(text) for text in listen]
        self._tls = tls
        self._limits = limits
        self._now_ms = now_ms
        self._make_wire = make_wire
        self._refused = refused
        self._gate = Gate(limits, is_familiar, now_ms())
        self._sockets: list[socket.socket] = []
        self._serving: dict[Visit, asyncio.Task[None]] = {}

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, with the ports that the system chose."""
        return tuple(_text(listening.getsockname()) for listening in self._sockets)

    def start(self, serve: Serve) -> None:
        """Listen.

        Raises:
            OSError: an address cannot be listened on.
        """
        self._loop = asyncio.get_running_loop()
        try:
            for host, port in self._listen:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
                listening.setblocking(False)
                self._sockets.append(listening)
        except OSError:
            self._close_sockets()
            raise
        for listening in self._sockets:
            self._listen_on(listening, serve)

    async def stop(self) -> None:
        """Take no more, and drop those that have not proved themselves."""
        self._close_sockets()
        # A task that is cancelled before its first step would leave its socket to nobody.
        await asyncio.sleep(0)
        tasks = list(self._serving.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _close_sockets(self) -> None:
        for listening in self._sockets:
            self._loop.remove_reader(listening)
            listening.close()
        self._sockets = []

    def _listen_on(self, listening: socket.socket, serve: Serve) -> None:
        # Not `sock_accept`: a connection that comes while that is cancelled is lost unclosed.
        if listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening, serve)

    def _accept(self, listening: socket.socket, serve: Serve) -> None:
        """Take the connections that wait."""
        for _ in range(BACKLOG):
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError as error:
                log.warning("a connection could not be taken", error=str(error))
                self._loop.remove_reader(listening)
                self._loop.call_later(SHORT_OF_FILES_SECONDS, self._listen_on, listening, serve)
                return
            visit, gone = self._gate.enter(neighbourhood(address[0]), self._now_ms())
            if gone is not None and gone in self._serving:
                # After its first step, which takes over the socket.
                self._loop.call_soon(self._serving[gone].cancel)
            if visit is None:
                accepted.close()
                self._refused("TOO_MANY")
                continue
            accepted.setblocking(False)
            deadline_s = self._loop.time() + self._limits.handshake_ms / 1_000
            arrival = Arrival(_text(address), visit, deadline_s)
            self._serving[visit] = asyncio.create_task(self._take(accepted, arrival, serve))

    async def _take(self, accepted: socket.socket, arrival: Arrival, serve: Serve) -> None:
        try:
            wire = await self._secure(accepted, arrival)
            if wire is not None:
                await serve(wire, arrival)
        finally:
            self._gate.leave(arrival.visit)
            del self._serving[arrival.visit]

    async def _secure(self, accepted: socket.socket, arrival: Arrival) -> Wire | None:
        """Do the TLS handshake; return None if it failed, took too long, or had to make room."""
        try:
            async with asyncio.timeout_at(arrival.deadline_s):
                _, wire = await self._loop.connect_accepted_socket(
                    lambda: self._make_wire(ServerProtocol()),
                    accepted,
                    ssl=self._tls,
                    ssl_handshake_timeout=self._limits.handshake_ms / 1_000,
                    ssl_shutdown_timeout=CLOSE_SECONDS,
                )
        except OSError:
            self._refused("TLS_FAILED")
            return None
        except asyncio.CancelledError:
            if arrival.visit.is_crowded_out:
                self._refused("TOO_MANY")
            raise
        return wire


def _text(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
