"""One dial: name, TCP, TLS, WebSocket and hello, within one time limit."""

import asyncio
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from websockets.client import ClientProtocol
from websockets.uri import WebSocketURI

from ledger.types import PublicKey
from node.p2p.addresses import KnownEndpoint
from node.p2p.config import Limits
from node.p2p.errors import (
    AlreadyDialling,
    ConnectionLost,
    HandshakeSlow,
    KeyUnexpected,
    LinkEnded,
    Stopping,
)
from node.p2p.greeting import Check, Greeter
from node.p2p.intake import PATH
from node.p2p.link import Proved
from node.p2p.resolver import Resolver
from node.p2p.wire import CLOSE_SECONDS, MakeWire, Wire


class Connector:
    """Makes connections, never two to one key at a time."""

    def __init__(
        self, greeter: Greeter, tls: ssl.SSLContext, limits: Limits, make_wire: MakeWire
    ) -> None:
        """Prepare.

        Args:
            greeter: says hello.
            tls: how this process looks at listeners.
            limits: bounds the time of a dial.
            make_wire: makes the protocol of each connection.
        """
        self._greeter = greeter
        self._tls = tls
        self._limits = limits
        self._make_wire = make_wire
        self._resolver = Resolver()
        self._dialled: set[PublicKey] = set()

    async def connect(self, place: KnownEndpoint, check: Check) -> tuple[Wire, Proved]:
        """Dial a place once.

        Args:
            place: where, and who has to answer.
            check: called with what the other end claims.

        Raises:
            LinkEnded: nobody answers, or not the one that is wanted, or it does not want us.
        """
        with self._claims() as claim:
            if place.key is not None:
                claim(place.key)

            def check_claimed(claimed: Proved) -> None:
                if place.key is None:
                    check(claimed)
                    claim(claimed.key)
                elif place.key == claimed.key:
                    check(claimed)
                else:
                    raise KeyUnexpected(place.key, claimed.key)

            try:
                async with asyncio.timeout(self._limits.handshake_ms / 1_000):
                    return await self._greet(place, check_claimed)
            except TimeoutError:
                raise HandshakeSlow("no hello in time") from None
            except OSError as error:
                raise ConnectionLost(error.strerror or type(error).__name__) from None

    async def _greet(self, place: KnownEndpoint, check: Check) -> tuple[Wire, Proved]:
        endpoint = place.endpoint
        uri = WebSocketURI(True, endpoint.host, endpoint.port, PATH, "")
        connected = await self._connect(await self._resolver.resolve(place), endpoint.port)
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: self._make_wire(ClientProtocol(uri)),
            sock=connected,
            ssl=self._tls,
            server_hostname="",
            ssl_handshake_timeout=self._limits.handshake_ms / 1_000,
            ssl_shutdown_timeout=CLOSE_SECONDS,
        )
        try:
            return wire, await self._greeter.as_dialler(wire, str(endpoint), check)
        except LinkEnded as reason:
            wire.end(reason)
            raise
        except asyncio.CancelledError:
            wire.end(Stopping())
            raise

    async def _connect(self, hosts: Sequence[str], port: int) -> socket.socket:
        """Connect to the first of some addresses that answers; each gets its share of the time.

        Raises:
            OSError: none does.
        """
        share_s = self._limits.handshake_ms / 1_000 / (len(hosts) + 1)
        for number, host in enumerate(hosts, start=1):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            connecting = socket.socket(family, socket.SOCK_STREAM)
            try:
                connecting.setblocking(False)
                async with asyncio.timeout(share_s):
                    await asyncio.get_running_loop().sock_connect(connecting, (host, port))
            except BaseException as error:
                connecting.close()
                if isinstance(error, OSError) and number < len(hosts):
                    continue
                raise
            return connecting
        raise OSError(0, "the name has no address")

    @contextmanager
    def _claims(self) -> Iterator["_Claim"]:
        """Hold keys while they are dialled; each once."""
        claim = _Claim(self._dialled)
        try:
            yield claim
        finally:
            self._dialled -= claim.keys


class _Claim:
    """The keys that one dial holds."""

    def __init__(self, dialled: set[PublicKey]) -> None:
        self._dialled = dialled
        self.keys: set[PublicKey] = set()

    def __call__(self, key: PublicKey) -> None:
        """Hold a key.

        Raises:
            AlreadyDialling: another dial holds it.
        """
        if key in self._dialled:
            raise AlreadyDialling("another dial to this key is under way")
        self._dialled.add(key)
        self.keys.add(key)
