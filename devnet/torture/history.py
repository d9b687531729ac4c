"""What clients sent, and what every node told them and when: the evidence of a scenario."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

FINAL = "final"
NO_ANSWER = "no answer"
"""Status of a request that ended without an answer: the node may have taken it or not."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A transfer, noted before its first byte leaves the client."""

    at_s: float
    transaction_id: str
    sender: str
    receiver: str
    amount: int
    fee: int
    valid_until_ms: int
    signed: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What a node said of a transfer."""

    at_s: float
    node: str
    transaction_id: str
    status: str
    """As the API has it, or `NO_ANSWER`."""
    height: int | None = None
    """Of the final block, as the node said it."""
    code: str | None = None
    """Why it was rejected."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a node called its newest final block."""

    at_s: float
    node: str
    height: int
    block_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Wiped:
    """A node lost everything that it had written: it begins anew."""

    at_s: float
    node: str


@dataclass
class History:
    """All of it, in the order in which it happened."""

    sent: dict[str, Sent] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    wiped: list[Wiped] = field(default_factory=list)
    final: dict[str, int] = field(default_factory=dict)
    """Transfers that some node called final, with the height first named."""
    _grown: asyncio.Event = field(default_factory=asyncio.Event)
    _last_seen: dict[str, Seen] = field(default_factory=dict)

    def note_sent(self, sent: Sent) -> None:
        """Take note of a transfer that is about to be sent."""
        self.sent[sent.transaction_id] = sent

    def note_told(self, told: Told) -> None:
        """Take note of an answer."""
        self.told.append(told)
        if told.status == FINAL and told.height is not None:
            self.final.setdefault(told.transaction_id, told.height)
        self._grown.set()

    def note_seen(self, seen: Seen, asked_s: float | None = None) -> None:
        """Take note of a node's newest final block, unless it said the same before.

        Args:
            seen: what it said.
            asked_s: when it was asked, if that matters: what it said before it lost everything is
                not what it says after that, however late it is heard.
        """
        if asked_s is not None and any(
            wiped.node == seen.node and wiped.at_s >= asked_s for wiped in self.wiped
        ):
            return
        last = self._last_seen.get(seen.node)
        if last is None or (last.height, last.block_id) != (seen.height, seen.block_id):
            self._last_seen[seen.node] = seen
            self.seen.append(seen)
        self._grown.set()

    def note_wiped(self, node: str) -> None:
        """Take note that a node begins anew."""
        self.wiped.append(Wiped(time.monotonic(), node))
        self._last_seen.pop(node, None)

    def height_of(self, node: str) -> int:
        """Return the newest final height that a node named, -1 for none."""
        last = self._last_seen.get(node)
        return last.height if last else -1

    def highest(self) -> Seen | None:
        """Return the highest final block that any node named."""
        return max(self._last_seen.values(), key=lambda seen: seen.height, default=None)

    def highest_height(self) -> int:
        """Return the highest height that anybody was told is final."""
        highest = self.highest()
        return max([*self.final.values(), highest.height if highest else 0])

    def epoch(self) -> int:
        """Return the epoch of the highest final block, 0 before there is one."""
        highest = self.highest()
        return highest.epoch if highest else 0

    async def wait_until(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Return whether a condition held in time; it is looked at whenever something is noted."""
        deadline_s = time.monotonic() + within_s
        while not holds():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            self._grown.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._grown.wait(), left_s)
        return True

    def until_now(self) -> "History":
        """Return a copy that grows no more."""
        return replace(
            self,
            sent=dict(self.sent),
            told=list(self.told),
            seen=list(self.seen),
            wiped=list(self.wiped),
            final=dict(self.final),
        )

    def undecided(self) -> Iterator[Sent]:
        """Yield the transfers that no node called final."""
        for transaction_id, sent in self.sent.items():
            if transaction_id not in self.final:
                yield sent

    def longest_gap_s(self, since_s: float) -> float:
        """Return the longest time since a moment in which nobody was told of a final transfer."""
        times = [told.at_s for told in self.told if told.status == FINAL and told.at_s >= since_s]
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)

    def write(self, file: Path) -> None:
        """Write all events as JSON lines, sorted by time."""
        events: tuple[Sent | Told | Seen | Wiped, ...] = (
            *self.sent.values(),
            *self.told,
            *self.seen,
            *self.wiped,
        )
        lines: list[dict[str, Any]] = [
            {"event": type(event).__name__.lower(), **asdict(event)} for event in events
        ]
        lines.sort(key=lambda line: float(line["at_s"]))
        with file.open("wb") as out:
            for line in lines:
                out.write(msgspec.json.encode(line) + b"\n")
