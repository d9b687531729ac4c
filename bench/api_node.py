"""A node as `aitbc node run` runs it, with one more route that does nothing.

What that route costs is what the server costs: sockets, HTTP, the framework, the edge and the
counts around it. The benchmark `api` reads its own routes beside it, in the same process.

    python -m bench.api_node node run --config CONFIG
"""

import asyncio
import signal
import sys
from pathlib import Path

from litestar import Response, get

from node.app import build_node
from node.config import NodeConfig, read_config
from node.failpoints import NoFailpoints
from node.garbage import settle_garbage
from node.keyring import unlock_keys
from node.logs import configure_logs
from node.ports import SystemClock

HELLO = "/hello"
"""Path of the route."""


@get(HELLO, sync_to_thread=False)
def hello() -> Response[bytes]:
    """Answer with a body of few bytes."""
    return Response(b'{"hello":"world"}', media_type="application/json")


def serve() -> None:
    """Run until SIGTERM."""
    config = read_config(Path(sys.argv[-1]))
    configure_logs(config.log)
    asyncio.run(_run(config))


async def _run(config: NodeConfig) -> None:
    keys = unlock_keys(config, _never_asked)
    node = build_node(config, keys, NoFailpoints(), clock=SystemClock(), more_routes=[hello])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    try:
        await node.start()
        settle_garbage()
        await node.run_until(stop)
    finally:
        await node.stop()


def _never_asked(what: str) -> bytes:
    raise RuntimeError(f"{what} has a passphrase file")


if __name__ == "__main__":
    serve()
