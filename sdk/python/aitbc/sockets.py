"""WebSockets for the clients that block, and what both kinds of clients know of them.

Loaded when the first one is opened: it stands on the package `websockets`, which is an extra.
"""

import socket
import ssl
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from aitbc.exchange import Broken, Closed, Head, Listen, Session

CLOSE_S: Final = 1.0
"""How long the other side may take to confirm the end."""

FAILURES: Final = (OSError, EOFError, WebSocketException)
"""What is raised where no WebSocket comes about."""

OPEN: Final = Head(101, "Switching Protocols", {})
"""The answer that makes a connection a WebSocket."""


@dataclass(frozen=True)
class Socket:
    """An open WebSocket."""

    connection: ClientConnection
    """The library's."""

    def hear(self, timeout_s: float) -> str | Closed:
        """Return the next message, or how the WebSocket ended.

        Raises:
            Broken: nothing came in time.
        """
        try:
            return text_of(self.connection.recv(timeout_s))
        except ConnectionClosed as closed:
            return closed_by(closed)
        except TimeoutError:
            raise Broken("nothing came in time", was_sent=True) from None


def listen(session: Session, effect: Listen, stack: ExitStack) -> "Socket | Refused":
    """Return an open WebSocket, which `stack` closes, or how the node refused it.

    Raises:
        Broken: it cannot be connected, does not answer in time, or speaks something else.
    """
    url = url_of(session, effect)
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    try:
        # The library follows redirects, with the key, but none for a connection that it is given.
        tcp = socket.create_connection((parts.hostname, port), effect.timeout_s)
        stack.callback(tcp.close)
        connection = connect(url, sock=tcp, **settings_of(session, effect))
    except (ValueError, *FAILURES) as error:
        # Of a redirect that it does not follow, the library raises what keeps it from that.
        for found in (error, error.__cause__, error.__context__):
            if isinstance(found, InvalidStatus):
                return Refused(found)
        raise broken_by(error) from None
    return Socket(stack.enter_context(connection))


class Refused:
    """An answer that is no upgrade."""

    def __init__(self, error: InvalidStatus) -> None:
        """Take it apart."""
        response = error.response
        named = {name.lower(): value for name, value in response.headers.raw_items()}
        self.head = Head(response.status_code, response.reason_phrase, named)
        self.body = bytes(response.body or b"")


def url_of(session: Session, effect: Listen) -> str:
    """Return the address of a WebSocket."""
    base = session.base_url.replace("http", "ws", 1)
    query = urlencode(effect.request.params or {})
    return f"{base}{effect.request.path}{'?' + query if query else ''}"


def settings_of(session: Session, effect: Listen) -> dict[str, Any]:
    """Return the arguments of the library's `connect` that both kinds of clients give.

    The library pings every 20 s, and ends a connection on which no answer comes for 20 s.
    """
    return {
        "ssl": ssl.create_default_context() if session.base_url.startswith("https:") else None,
        "additional_headers": {**session.headers, **(effect.request.headers or {})},
        "proxy": None,
        "open_timeout": effect.timeout_s,
        "close_timeout": CLOSE_S,
    }


def text_of(message: str | bytes) -> str:
    """Return a message as text; bytes are none of this API's, and no JSON then."""
    return message if isinstance(message, str) else message.decode(errors="replace")


def closed_by(error: ConnectionClosed) -> Closed:
    """Return how a WebSocket ended."""
    told = error.rcvd
    return Closed(1006, str(error)) if told is None else Closed(told.code, told.reason)


def broken_by(error: Exception) -> Broken:
    """Return what it means for a call that no WebSocket came about."""
    return Broken(str(error) or type(error).__name__, was_sent=not isinstance(error, OSError))
