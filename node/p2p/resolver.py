"""Host names to numeric addresses, in threads of its own.

A lookup cannot be cancelled, and whoever runs a name server decides how long it takes. So lookups
never take the threads that the rest of the node works in, and each peer has one at a time: a
validator that signs a record with another slow name every second waits for itself.
"""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.types import PublicKey
from node.p2p.addresses import Endpoint, KnownEndpoint, is_numeric
from node.p2p.errors import NameUnresolved

LOOKUPS_AT_ONCE: Final = 2
"""Threads; others wait for them in order."""

ADDRESSES_MAX: Final = 4
"""Addresses of one name that are tried."""

LookUp = Callable[[str], list[str]]
"""Returns the numeric addresses of a name; may take long; raises `OSError`."""


def look_up(host: str) -> list[str]:
    """Return the numeric addresses of a name, as the system resolves it.

    Raises:
        OSError: it has none, or nobody says.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))[:ADDRESSES_MAX]


@dataclass(frozen=True, slots=True)
class _Lookup:
    host: str
    found: asyncio.Future[list[str]]


class Resolver:
    """Lookups of one node; used on the event loop."""

    def __init__(self, look_up: LookUp = look_up) -> None:
        """Begin with none."""
        self._look_up = look_up
        self._lookups: dict[PublicKey | Endpoint, _Lookup] = {}
        self._waiting: deque[_Lookup] = deque()
        self._running = 0

    async def resolve(self, place: KnownEndpoint) -> list[str]:
        """Return the numeric addresses of a place.

        What is found after its dial was given up is there for the next dial to the same name.

        Raises:
            NameUnresolved: there are none, or another name of the same peer is being looked up.
        """
        host = place.endpoint.host
        if is_numeric(host):
            return [host]
        who = place.key or place.endpoint
        lookup = self._lookups.get(who)
        if lookup is not None and lookup.host != host and not lookup.found.done():
            raise NameUnresolved("another name of this peer is still being looked up")
        if lookup is None or lookup.host != host:
            lookup = self._lookups[who] = _Lookup(host, asyncio.Future())
            self._waiting.append(lookup)
            self._start()
        try:
            addresses = await asyncio.shield(lookup.found)
        except OSError as error:
            self._lookups.pop(who, None)
            raise NameUnresolved(error.strerror or type(error).__name__) from None
        self._lookups.pop(who, None)
        return addresses

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting and self._running < LOOKUPS_AT_ONCE:
            self._running += 1
            arguments = (loop, self._waiting.popleft())
            # A daemon, so that a slow name server does not keep a node from ending.
            threading.Thread(
                target=self._work, args=arguments, name="resolver", daemon=True
            ).start()

    def _work(self, loop: asyncio.AbstractEventLoop, lookup: _Lookup) -> None:
        result: list[str] | OSError
        try:
            result = self._look_up(lookup.host)
        except UnicodeError:
            result = OSError(0, "the name cannot be written in the name system")
        except OSError as error:
            result = error
        try:
            loop.call_soon_threadsafe(self._finish, lookup, result)
        except RuntimeError:
            return  # The loop is closed: nobody waits any more.

    def _finish(self, lookup: _Lookup, result: list[str] | OSError) -> None:
        self._running -= 1
        self._start()
        if lookup.found.cancelled():
            return
        if isinstance(result, OSError):
            lookup.found.set_exception(result)
            lookup.found.exception()  # It may be that nobody asks for it again.
        else:
            lookup.found.set_result(result)
