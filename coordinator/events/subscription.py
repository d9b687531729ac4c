"""What one consumer has not taken yet: bounded, whatever it does."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from coordinator.events.model import Event, Seq
from ledger.types import Hash

WAITING_MAX: Final = 256
"""Events that wait for one consumer; one more, and all are dropped: it starts anew."""


Form: TypeAlias = Callable[[Event], str]
"""How an event reads on the wire, in one version of one stream."""


class Told:
    """An event, and its text: made once for all who are told it in the same form."""

    __slots__ = ("_texts", "event")

    def __init__(self, event: Event) -> None:
        """Begin without a text."""
        self.event = event
        self._texts: dict[Form, str] = {}

    def text(self, form: Form) -> str:
        """Return the text in a form."""
        text = self._texts.get(form)
        if text is None:
            text = self._texts[form] = form(self.event)
        return text


@dataclass(frozen=True, slots=True)
class News:
    """What happened since a consumer last looked."""

    events: tuple[Told, ...] = ()
    """Events, oldest first."""
    is_behind: bool = False
    """Whether events before these were dropped: the consumer has to look where things are."""
    is_closed: bool = False
    """Whether there will be no more: the node stops."""


@dataclass(frozen=True, slots=True)
class Interest:
    """What a consumer is told of."""

    client_id: str | None = None
    """Events of this client."""
    job_id: Hash | None = None
    """Changes of this job, and text of it."""
    public: bool = False
    """Events that everybody may see."""


class Subscription:
    """One consumer's queue. To be used from one event loop."""

    def __init__(self, interest: Interest, start: Seq) -> None:
        """Take events after a place."""
        self.interest = interest
        self._start = start
        self._waiting: deque[Told] = deque()
        self._is_behind = False
        self._is_closed = False
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Events that wait for the consumer."""
        return len(self._waiting)

    def offer(self, told: Told) -> None:
        """Put an event into the queue; it never waits for the consumer."""
        if told.event.seq <= self._start:
            return
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.clear()
            self._is_behind = True
        self._waiting.append(told)
        self._wake.set()

    def touch(self) -> None:
        """Let the consumer look, though no event came: text did."""
        self._wake.set()

    def close(self) -> None:
        """Tell the consumer that there will be no more."""
        self._is_closed = True
        self._wake.set()

    async def news(self, timeout_s: float) -> News | None:
        """Return what waits, as soon as there is something; None when the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return None
        self._wake.clear()
        news = News(tuple(self._waiting), self._is_behind, self._is_closed)
        self._waiting.clear()
        self._is_behind = False
        return news
