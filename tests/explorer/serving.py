"""The explorer behind a real server, in a thread, on a free port."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from litestar.types import ASGIApp

from explorer_web import ExplorerReads, build_explorer
from node.config import ListenAddress
from node.http.application import build_application
from node.http.listeners import bind_all
from node.metrics import NodeMetrics
from tests.explorer.chains import IndexedChain


@dataclass(frozen=True)
class Served:
    """A running explorer."""

    url: str
    chain: IndexedChain
    client: httpx.Client

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Return the answer to a request for the path exactly as it is written."""
        return self.client.get(self.url + path, headers=headers)

    def sent(self, path: str) -> bytes:
        """Return the bytes of an answer as a browser is sent them."""
        with self.client.stream("GET", self.url + path) as answer:
            return b"".join(answer.iter_raw())


@contextmanager
def serve(chain: IndexedChain) -> Iterator[Served]:
    """Serve the explorer of a chain until the block ends."""
    reads = ExplorerReads(chain.indexed.reader, chain.node)
    explorer = build_explorer(reads)
    app = build_application(explorer.handlers, None, NodeMetrics(), error_page=explorer.error_page)
    with listening(app) as url, httpx.Client(timeout=20) as client:
        yield Served(url, chain, client)


@contextmanager
def listening(app: ASGIApp) -> Iterator[str]:
    """Serve an application until the block ends; yield its address."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    (bound,) = bind_all([ListenAddress("127.0.0.1", 0)])
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])))
    thread.start()
    try:
        # The socket listens already, so connections wait for the server and none is refused.
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        bound.close()
