"""A small HTTP server that answers as a test says, and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """One answer."""

    status: int = 200
    body: object = field(default_factory=dict)
    """Bytes as they are, anything else as JSON."""
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False
    """Whether the connection is closed instead of an answer."""
    hold_s: float = 0.0
    """How long the answer is held back."""

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Script = Callable[[Asked], Reply]


class ScriptedServer:
    """The server; `asked` grows with each request."""

    def __init__(self, script: Script, port: int = 0) -> None:
        self.script = script
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, self.path, dict(self.headers), body)
                outer.asked.append(asked)
                reply = outer.script(asked)
                time.sleep(reply.hold_s)
                if reply.hangs_up:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.data)))
                self.end_headers()
                self.wfile.write(reply.data)

            do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def serving(script: Script, port: int = 0) -> Iterator[ScriptedServer]:
    server = ScriptedServer(script, port)
    try:
        yield server
    finally:
        server.close()


def in_turn(*replies: Reply) -> Script:
    """Return a script that gives the replies one after another; the last one for ever."""
    left = list(replies)
    return lambda _asked: left.pop(0) if len(left) > 1 else left[0]
