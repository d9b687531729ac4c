"""One sending of one message: name resolved, addresses judged, connection to what was judged.

Nothing of the process's environment counts (no proxies), nothing is remembered from one request to
the next (no cookies, no connections), no redirect is followed, and the answer's body is not read.
"""

import asyncio
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Final
from weakref import WeakValueDictionary

import httpx

from coordinator.webhooks.addresses import may_be_sent_to
from coordinator.webhooks.schedule import OK, Outcome
from coordinator.webhooks.urls import Target

SEND_S_MAX: Final = 15.0
"""One sending, from when its name is asked for to the end of the answer."""

ADDRESSES_TRIED_MAX: Final = 3
"""Addresses of one name that are tried in one sending."""

RESOLVERS: Final = 16
"""Threads that ask for names."""

RESOLVERS_PER_CLIENT: Final = 2
"""Those of one client: its names may be behind a server that never answers."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the numeric addresses of a host for a port.

Raises:
    OSError: the name has none.
"""

Sign = Callable[[], Mapping[str, str]]
"""Returns the headers of a message that is sent now."""


class Sender:
    """Sends messages. Safe to use from many tasks of one event loop."""

    def __init__(
        self,
        *,
        with_loopback: bool,
        resolve: Resolve | None = None,
        seconds_max: float = SEND_S_MAX,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare to send.

        Args:
            with_loopback: whether this machine's own addresses are sent to, as on a devnet.
            resolve: asks for the addresses of a name; the system by default.
            seconds_max: of one sending.
            trust: whose certificates are believed; the system's authorities by default.
        """
        self._with_loopback = with_loopback
        self._resolvers = asyncio.Semaphore(RESOLVERS)
        self._asking: set[asyncio.Task[Sequence[str]]] = set()
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._threads = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="webhook-names")
        self._resolve = resolve or self._ask_system
        self._seconds_max = seconds_max
        self._trust = trust or _system_trust()

    def close(self) -> None:
        """Let go of the threads; one that still asks for a name ends by itself."""
        for asking in self._asking:
            asking.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def post(self, client_id: str, target: Target, sign: Sign, body: bytes) -> Outcome:
        """Send a message once, and say how that went.

        Args:
            client_id: whose it is. Few names of one client are asked for at a time; how long a
                message waits for that is no part of its seconds.
            target: where to.
            sign: returns the headers of the message, besides those of HTTP; asked for when the
                waiting is over, since they hold the time.
            body: its JSON.
        """
        asking = await self._begin_asking(client_id, target)
        try:
            async with asyncio.timeout(self._seconds_max):
                addresses = await self._judged(asking)
                if isinstance(addresses, Outcome):
                    return addresses
                return await self._post_to_one_of(addresses, target, sign(), body)
        except TimeoutError:
            return Outcome("TIMEOUT")

    async def _begin_asking(self, client_id: str, target: Target) -> "asyncio.Task[Sequence[str]]":
        """Ask for a name when it is the client's turn, which lasts until there is an answer.

        A thread that asks cannot be stopped: a sending that ran out of time leaves it asking, and
        the client's next name waits for it.
        """
        turn = self._turns.get(client_id)
        if turn is None:
            turn = self._turns[client_id] = asyncio.Semaphore(RESOLVERS_PER_CLIENT)
        async with AsyncExitStack() as held:
            await held.enter_async_context(turn)
            await held.enter_async_context(self._resolvers)
            asking = asyncio.ensure_future(self._ask(target))
            held.pop_all()
        self._asking.add(asking)

        def end(_: "asyncio.Task[Sequence[str]]") -> None:
            self._asking.discard(asking)
            self._resolvers.release()
            turn.release()
            if not asking.cancelled():
                # Nobody may be left to hear why it failed.
                asking.exception()

        asking.add_done_callback(end)
        return asking

    async def _ask(self, target: Target) -> Sequence[str]:
        return await self._resolve(target.host, target.port)

    async def _judged(self, asking: "asyncio.Task[Sequence[str]]") -> Sequence[str] | Outcome:
        try:
            addresses = await asyncio.shield(asking)
        except (OSError, UnicodeError):
            return Outcome("NAME_NOT_FOUND")
        if not addresses:
            return Outcome("NAME_NOT_FOUND")
        # One that is not public spoils the name: whoever chose it means to reach inside.
        if not all(may_be_sent_to(item, with_loopback=self._with_loopback) for item in addresses):
            return Outcome("ADDRESS_REFUSED")
        return addresses[:ADDRESSES_TRIED_MAX]

    async def _post_to_one_of(
        self, addresses: Sequence[str], target: Target, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        outcome = Outcome("CONNECT_FAILED")
        for address in addresses:
            outcome = await self._post_to(address, target, headers, body)
            # Only where nothing was sent yet another address may be tried.
            if outcome.code != "CONNECT_FAILED":
                break
        return outcome

    async def _post_to(
        self, address: str, target: Target, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        host = f"[{address}]" if ":" in address else address
        request = httpx.Request(
            "POST",
            f"{target.scheme}://{host}:{target.port}{target.path}",
            headers={
                "host": target.authority,
                "content-type": "application/json",
                "user-agent": "aitbc-webhooks/1",
                "connection": "close",
                **headers,
            },
            content=body,
            # The certificate has to be the name's, whatever address was judged.
            extensions={"sni_hostname": target.host},
        )
        transport = httpx.AsyncHTTPTransport(verify=self._trust, trust_env=False)
        try:
            async with transport:
                return await _exchange(transport, request)
        except httpx.ConnectError as error:
            is_tls = isinstance(_root(error), ssl.SSLError)
            return Outcome("TLS_FAILED" if is_tls else "CONNECT_FAILED")
        except httpx.TimeoutException:
            return Outcome("TIMEOUT")
        except httpx.RemoteProtocolError:
            return Outcome("NOT_HTTP")
        except httpx.TransportError:
            return Outcome("CONNECTION_LOST")

    async def _ask_system(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()

        def ask() -> list[str]:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(place[0]) for *_, place in found))

        return await loop.run_in_executor(self._threads, ask)


@functools.cache
def _system_trust() -> ssl.SSLContext:
    """Return the system's authorities: to read them takes 60 ms."""
    return ssl.create_default_context()


async def _exchange(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> Outcome:
    response = await transport.handle_async_request(request)
    # Status and headers tell all; a body, however long or slow, is not read.
    await response.aclose()
    if 200 <= response.status_code < 300:
        return Outcome(OK, response.status_code)
    if 300 <= response.status_code < 400:
        return Outcome("REDIRECT_REFUSED", response.status_code)
    return Outcome("HTTP_ERROR", response.status_code, _retry_after_s(response))


def _retry_after_s(response: httpx.Response) -> int | None:
    text = response.headers.get("retry-after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _root(error: BaseException) -> BaseException:
    """Return the first cause of an error."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
