"""Connections that others make: counted before anything is spent on them."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from websockets.server import ServerProtocol

from node.p2p.addresses import neighbourhood, parse_listen_address
from node.p2p.buckets import TokenBucket
from node.p2p.config import Limits
from node.p2p.wire import CLOSE_SECONDS, MakeWire, Wire

log = structlog.get_logger(__name__)

NEIGHBOURHOODS_MAX: Final = 4_096
"""Neighbourhoods whose rate is remembered; the one that was quiet longest is forgotten."""

BACKLOG: Final = 128
"""Connections that the kernel holds while this node is busy."""

SHORT_OF_FILES_SECONDS: Final = 0.5
"""Pause when the system has no file descriptor or memory left for a connection."""

Serve = Callable[[Wire, str, str], Awaitable[None]]
"""Says hello and runs the rest; given wire, address and neighbourhood."""


class Gate:
    """Counts connections that have not proved who they are."""

    def __init__(self, limits: Limits, now_ms: int) -> None:
        """Begin empty."""
        self._limits = limits
        self._inside: Counter[str] = Counter()
        self._total = 0
        self._rate = TokenBucket(limits.accepts_per_second, limits.unproved_max, now_ms)
        self._rates: dict[str, TokenBucket] = {}

    def enter(self, near: str, now_ms: int) -> bool:
        """Count a connection if there is room for it; return whether there is."""
        limits = self._limits
        if (
            self._total >= limits.unproved_max
            or self._inside[near] >= limits.unproved_per_address_max
            or not self._rate_of(near, now_ms).try_take(1, now_ms)
            or not self._rate.try_take(1, now_ms)
        ):
            return False
        self._inside[near] += 1
        self._total += 1
        return True

    def leave(self, near: str) -> None:
        """Forget a connection that entered: it has proved itself or is gone."""
        self._total -= 1
        self._inside[near] -= 1
        if not self._inside[near]:
            del self._inside[near]

    def _rate_of(self, near: str, now_ms: int) -> TokenBucket:
        bucket = self._rates.pop(near, None)
        if bucket is None:
            limits = self._limits
            rate = limits.accepts_per_address_per_second
            bucket = TokenBucket(rate, limits.unproved_per_address_max, now_ms)
        self._rates[near] = bucket
        if len(self._rates) > NEIGHBOURHOODS_MAX:
            del self._rates[next(iter(self._rates))]
        return bucket


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
    ) -> None:
        """Prepare.

        Args:
            listen: numeric ``address:port``.
            tls: what this process shows.
            limits: bounds of connections.
            now_ms: monotonic time.
            make_wire: makes the protocol of each connection.
            refused: called with a code for each connection that ends before the hello.

        Raises:
            AddressInvalid: an entry of `listen`.
        """
        self._listen = [parse_listen_address(text) for text in listen]
        self._tls = tls
        self._limits = limits
        self._now_ms = now_ms
        self._make_wire = make_wire
        self._refused = refused
        self._gate = Gate(limits, now_ms())
        self._sockets: list[socket.socket] = []
        self._serving: set[asyncio.Task[None]] = set()

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
        tasks = list(self._serving)
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
            near = neighbourhood(address[0])
            if not self._gate.enter(near, self._now_ms()):
                accepted.close()
                self._refused("TOO_MANY")
                continue
            accepted.setblocking(False)
            task = asyncio.create_task(self._take(accepted, _text(address), near, serve))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _take(self, accepted: socket.socket, address: str, near: str, serve: Serve) -> None:
        try:
            wire = await self._secure(accepted)
            await serve(wire, address, near)
        except OSError:
            self._refused("TLS_FAILED")
        finally:
            self._gate.leave(near)

    async def _secure(self, accepted: socket.socket) -> Wire:
        """Do the TLS handshake.

        Raises:
            OSError: it failed or took too long.
        """
        _, wire = await self._loop.connect_accepted_socket(
            lambda: self._make_wire(ServerProtocol()),
            accepted,
            ssl=self._tls,
            ssl_handshake_timeout=self._limits.handshake_ms / 1_000,
            ssl_shutdown_timeout=CLOSE_SECONDS,
        )
        return wire


def _text(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
