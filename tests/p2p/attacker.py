"""An end of a connection that does as it likes: TLS if wanted, any bytes, a hello or none."""

import asyncio
import secrets
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self, cast

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import WebSocketURI

from ledger.codec import encode
from ledger.hashing import Tags
from ledger.types import PublicKey
from node.p2p import NodeIdentity, Role
from node.p2p.certificates import TlsIdentity, certificate_hash_of, make_tls_identity
from node.p2p.hello import OPENING_CODEC, PROTOCOL_VERSION, Channel, Hello, Opening, Side
from node.p2p.intake import PATH
from node.ports import SystemClock
from tests.p2p.meeting import GENESIS, PATIENCE, key_pair

EVIL = NodeIdentity(key_pair(666), Role.FOLLOWER)


def frame_head(opcode: int, length: int, *, fin: bool = True) -> bytes:
    """Return the head of a masked frame that says that it is so long."""
    return struct.pack("!BBQ", (0x80 if fin else 0) | opcode, 0x80 | 127, length) + bytes(4)


class Attacker:
    """A connection to a node; an async context manager."""

    def __init__(
        self,
        address: str,
        *,
        tls: ssl.SSLContext | TlsIdentity | None = None,
        plain: bool = False,
        source: str | None = None,
    ) -> None:
        self._host, port = address.rsplit(":", 1)
        self._port = int(port)
        self._identity = tls if isinstance(tls, TlsIdentity) else make_tls_identity()
        self._tls = tls if isinstance(tls, ssl.SSLContext) else self._identity.client
        self._plain = plain
        self._source = (source, 0) if source else None
        self._websocket = ClientProtocol(
            WebSocketURI(True, self._host, self._port, PATH, ""), max_size=None
        )
        self._frames: list[Frame] = []

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(PATIENCE):
            self._reader, self._writer = await asyncio.open_connection(
                self._host,
                self._port,
                ssl=None if self._plain else self._tls,
                server_hostname=None if self._plain else "",
                limit=2**26,
                local_addr=self._source,
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.transport.abort()
        try:
            await self._writer.wait_closed()
        except OSError:
            return

    @property
    def context(self) -> ssl.SSLContext:
        """What it shows, and how it looks at the node."""
        return self._tls

    def write(self, data: bytes) -> None:
        """Write any bytes; never waits."""
        self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the other end took most of what was written."""
        await self._writer.drain()

    def stop_reading(self) -> None:
        """Leave what the node sends in the socket."""
        cast(asyncio.Transport, self._writer.transport).pause_reading()

    def go_on_reading(self) -> None:
        """Take what the node sends again."""
        cast(asyncio.Transport, self._writer.transport).resume_reading()

    async def until_ended(self) -> None:
        """Read and forget until the node ends the connection; fail when it does not."""
        async with asyncio.timeout(PATIENCE):
            try:
                while await self._reader.read(65_536):
                    pass
            except OSError:
                return

    async def open(self) -> None:
        """Open the WebSocket."""
        self._websocket.send_request(self._websocket.connect())
        self.flush()
        await self._more()
        assert self._websocket.handshake_exc is None

    def send(self, *payloads: bytes) -> None:
        """Send frames."""
        for payload in payloads:
            self._websocket.send_binary(payload)
        self.flush()

    def flush(self) -> None:
        """Write what the WebSocket wants to."""
        self.write(b"".join(self._websocket.data_to_send()))

    async def receive(self) -> bytes:
        """Return the next binary frame's payload."""
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if frame.opcode is Opcode.BINARY:
                    return bytes(frame.data)
                assert frame.opcode is not Opcode.CLOSE, self._websocket.close_rcvd
            await self._more()

    async def refusal(self) -> str:
        """Return the reason of the close that the node sends, empty when it sends none."""
        async with asyncio.timeout(PATIENCE):
            while self._websocket.close_rcvd is None:
                data = await self._reader.read(65_536)
                if not data:
                    return ""
                self._websocket.receive_data(data)
        return self._websocket.close_rcvd.reason

    def hello(self, identity: NodeIdentity = EVIL, genesis: bytes = GENESIS) -> Hello:
        """Return a hello over this connection."""
        tls = self._writer.get_extra_info("ssl_object")
        channel = Channel(Side.DIALLER, self._identity.certificate_hash, certificate_hash_of(tls))
        return Hello(identity, Tags(genesis), channel, secrets.token_bytes(32))

    async def exchange_openings(self, hello: Hello) -> Opening:
        """Send an opening, and return the node's."""
        self.send(hello.opening())
        return OPENING_CODEC.decode(await self.receive())

    async def greet(self, identity: NodeIdentity = EVIL) -> None:
        """Say hello as an honest node does."""
        await self.open()
        hello = self.hello(identity)
        opening = await self.exchange_openings(hello)
        now_ms = SystemClock().wall_ms()
        self.send(hello.proof(opening, now_ms))
        hello.check_proof(opening, await self.receive(), now_ms)

    async def _more(self) -> None:
        async with asyncio.timeout(PATIENCE):
            data = await self._reader.read(65_536)
        assert data, "the node hung up"
        self._websocket.receive_data(data)
        self._frames += [e for e in self._websocket.events_received() if isinstance(e, Frame)]


@asynccontextmanager
async def liar_that_claims(key: PublicKey) -> AsyncIterator[str]:
    """Listen, and answer each dial with an opening that claims a key; yield the address."""
    opening = encode(Opening(PROTOCOL_VERSION, GENESIS, Role.FOLLOWER, key, bytes(32)))

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        websocket = ServerProtocol()
        while data := await reader.read(65_536):
            websocket.receive_data(data)
            for event in websocket.events_received():
                if isinstance(event, Request):
                    websocket.send_response(websocket.accept(event))
                elif event.opcode is Opcode.BINARY:
                    websocket.send_binary(opening)
            writer.write(b"".join(websocket.data_to_send()))
        writer.close()

    server = await asyncio.start_server(lie, "127.0.0.1", 0, ssl=make_tls_identity().server)
    host, port = server.sockets[0].getsockname()
    async with server:
        yield f"{host}:{port}"
