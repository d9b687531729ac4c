"""What of a head the parser lets pass, and this server or RFC 9112 does not."""

import asyncio
from typing import Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from node.http.refusals import Malformed, SwitchTooLarge

_VERSIONS: Final = frozenset({"1.0", "1.1"})


def check_framing(version: str, said: dict[bytes, bytes], *, switches: bool) -> None:
    """Refuse what another reader could take for something else.

    Args:
        version: of HTTP.
        said: what the headers tell that frame a request.
        switches: whether the request opens a WebSocket.

    Raises:
        Malformed: another version, no host, a transfer coding that is not ours, or a body where
            the other protocol begins.
    """
    if version not in _VERSIONS:
        raise Malformed("this server speaks HTTP/1.1")
    if version == "1.1" and b"host" not in said:
        raise Malformed("the header host is missing")
    coding = said.get(b"transfer-encoding")
    if coding is not None and (coding.lower() != b"chunked" or version == "1.0"):
        raise Malformed("the only transfer coding is chunked, in HTTP/1.1")
    if switches and (coding is not None or int(said.get(b"content-length", b"0"))):
        raise Malformed("a request that opens a WebSocket has no body")


def check_switched(protocol: asyncio.BaseProtocol) -> None:
    """Refuse what the other protocol did not take: it says nothing of it, and waits for ever.

    Args:
        protocol: of the WebSocket, which was given the head.

    Raises:
        SwitchTooLarge: the head has more headers than it takes, or longer lines.
    """
    if not cast("WebSocketsSansIOProtocol", protocol).handshake_initiated:
        raise SwitchTooLarge
