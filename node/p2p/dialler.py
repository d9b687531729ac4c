"""Connections that this node makes: a task for each peer to dial, which never gives up."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final

import structlog

from ledger.types import PublicKey
from node.p2p.addresses import Endpoint, KnownEndpoint
from node.p2p.config import Limits
from node.p2p.errors import AlreadyConnected, LinkEnded, OwnAddress, PeerClosed, short
from node.p2p.link import Link

log = structlog.get_logger(__name__)

Attempt = Callable[[KnownEndpoint], Awaitable[Link]]
"""Dials once; raises a `LinkEnded`."""

BELIEVED_SECONDS: Final = 60.0
"""How long a place without a key is taken for the connected peer that it claimed to be, or was."""

DOUBLINGS_MAX: Final = 16
"""Bounds the exponent of a pause; the longest pause is reached before."""


class Backoff:
    """Pauses between dials to one peer: doubling, with jitter, up to a limit.

    Half of a pause is certain and half is drawn, so that nodes that lost each other at one moment
    do not come back at one moment.
    """

    def __init__(self, first_ms: int, max_ms: int, jitter: random.Random) -> None:
        """Begin with the shortest pause."""
        self._first_ms = first_ms
        self._max_ms = max_ms
        self._jitter = jitter
        self._failures = 0

    def next_ms(self) -> int:
        """Return the next pause."""
        pause_ms = min(self._max_ms, self._first_ms << min(self._failures, DOUBLINGS_MAX))
        self._failures += 1
        return pause_ms // 2 + self._jitter.randint(0, pause_ms - pause_ms // 2)

    def note_lasted(self, lasted_ms: int) -> None:
        """Begin with the shortest pause again after a connection that was worth it."""
        if lasted_ms >= self._max_ms:
            self._failures = 0


class Dialler:
    """Keeps a connection to each peer that some places lead to.

    A peer is a key, wherever it says that it is, or a place whose key nobody told. It has one task
    and one row of pauses, so that a validator gains nothing by signing ever new addresses.
    """

    def __init__(
        self,
        limits: Limits,
        jitter: random.Random,
        now_ms: Callable[[], int],
        attempt: Attempt,
        link_of: Callable[[PublicKey], Link | None],
    ) -> None:
        """Prepare; nothing is dialled before `want`.

        Args:
            limits: bounds of pauses.
            jitter: spreads them.
            now_ms: monotonic time.
            attempt: dials once.
            link_of: the link to a key, whoever dialled it.
        """
        self._limits = limits
        self._jitter = jitter
        self._now_ms = now_ms
        self._attempt = attempt
        self._link_of = link_of
        self._places: dict[PublicKey | Endpoint, list[KnownEndpoint]] = {}
        self._tasks: dict[PublicKey | Endpoint, asyncio.Task[None]] = {}

    def want(self, places: Iterable[KnownEndpoint]) -> None:
        """Say which places are to be dialled from now on; links that exist are left alone."""
        self._places = {}
        for place in dict.fromkeys(places):
            self._places.setdefault(place.key or place.endpoint, []).append(place)
        for whom in [whom for whom in self._tasks if whom not in self._places]:
            self._tasks.pop(whom).cancel()
        for whom in self._places:
            if whom not in self._tasks or self._tasks[whom].done():
                self._tasks[whom] = asyncio.create_task(self._keep(whom))

    async def stop(self) -> None:
        """Dial no more."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, whom: PublicKey | Endpoint) -> None:
        limits = self._limits
        backoff = Backoff(limits.backoff_first_ms, limits.backoff_max_ms, self._jitter)
        key, believed_s = (whom, None) if isinstance(whom, bytes) else (None, BELIEVED_SECONDS)
        last_code = ""
        for number in itertools.count():
            await self._until_missing(key, believed_s)
            places = self._places[whom]
            place = places[number % len(places)]
            try:
                link = await self._attempt(place)
            except OwnAddress:
                log.info("an address of a peer is this node's own", address=str(place.endpoint))
                return
            except AlreadyConnected as known:
                # A place without a key has told whose it is. Nobody has proved that.
                key = known.key
                continue
            except LinkEnded as reason:
                code = reason.reason if isinstance(reason, PeerClosed) else reason.code
                tell = log.info if code != last_code else log.debug
                last_code = code
                tell("peer not reached", address=str(place.endpoint), code=code, detail=str(reason))
            except Exception:
                # A defect of this node costs one dial, and not this peer for ever.
                log.exception("a dial failed", address=str(place.endpoint))
            else:
                key, last_code = link.key, ""
                began_ms = self._now_ms()
                await link.gone.wait()
                backoff.note_lasted(self._now_ms() - began_ms)
            await asyncio.sleep(backoff.next_ms() / 1_000)

    async def _until_missing(self, key: PublicKey | None, at_most_s: float | None) -> None:
        """Wait until there is no link to a key."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while key is not None and (link := self._link_of(key)) is not None:
                    log.debug("peer is connected already", peer=short(key))
                    await link.gone.wait()
