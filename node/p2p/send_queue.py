"""What waits to be sent to one peer: votes first, transactions last, all of it bounded."""

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from node.p2p.kinds import KINDS, Kind, Priority
from node.p2p.messages import StatusMessage

_STATUS: Final = KINDS[StatusMessage]


class Queued(Enum):
    """What became of a frame."""

    YES = auto()
    """It waits, or takes the place of what it makes old."""
    DROPPED = auto()
    """There is no room, and it is of a kind that a slow peer does without."""
    FULL = auto()
    """There is no room, and the peer cannot do without it: it has to go."""


@dataclass(slots=True)
class _Waiting:
    kind: Kind
    data: bytes


class SendQueue:
    """Frames in a queue for each priority; a queue's turn comes when those before it are empty."""

    def __init__(self, bytes_max: int, transaction_bytes_max: int) -> None:
        """Begin empty.

        Args:
            bytes_max: bytes that may wait.
            transaction_bytes_max: of these, bytes of the last priority.
        """
        self.bytes_max = bytes_max
        """Bytes that may wait."""
        self._transaction_bytes_max = transaction_bytes_max
        self._queues: dict[Priority, deque[_Waiting]] = {p: deque() for p in sorted(Priority)}
        self._status: _Waiting | None = None
        self._transaction_bytes = 0
        self.bytes = 0
        """Bytes that wait."""
        self.dropped = 0
        """Frames dropped since the beginning."""

    @property
    def owed_bytes(self) -> int:
        """Bytes of all that is never dropped."""
        return self.bytes - self._transaction_bytes

    def __bool__(self) -> bool:
        """Return whether anything waits."""
        return self.bytes > 0

    def push(self, kind: Kind, data: bytes) -> Queued:
        """Let a frame wait, or say why not."""
        if kind is _STATUS and self._status is not None:
            # Only the newest status means anything; it takes the place of the older one.
            self.bytes += len(data) - len(self._status.data)
            self._status.data = data
            return Queued.YES
        if kind.priority is Priority.TRANSACTIONS:
            return self._push_transactions(kind, data)
        while self.bytes + len(data) > self.bytes_max:
            if not self._queues[Priority.TRANSACTIONS]:
                return Queued.FULL
            self._take(Priority.TRANSACTIONS)
            self.dropped += 1
        return self._append(kind, data)

    def pop(self) -> tuple[Kind, bytes] | None:
        """Take what is sent next, or None when nothing waits."""
        for priority, queue in self._queues.items():
            if queue:
                waiting = self._take(priority)
                return waiting.kind, waiting.data
        return None

    def clear(self) -> None:
        """Forget everything."""
        while self.pop():
            pass

    def _push_transactions(self, kind: Kind, data: bytes) -> Queued:
        size = len(data)
        if (
            self._transaction_bytes + size > self._transaction_bytes_max
            or self.bytes + size > self.bytes_max
        ):
            self.dropped += 1
            return Queued.DROPPED
        self._transaction_bytes += size
        return self._append(kind, data)

    def _append(self, kind: Kind, data: bytes) -> Queued:
        waiting = _Waiting(kind, data)
        if kind is _STATUS:
            self._status = waiting
        self._queues[kind.priority].append(waiting)
        self.bytes += len(data)
        return Queued.YES

    def _take(self, priority: Priority) -> _Waiting:
        waiting = self._queues[priority].popleft()
        self.bytes -= len(waiting.data)
        if priority is Priority.TRANSACTIONS:
            self._transaction_bytes -= len(waiting.data)
        if waiting is self._status:
            self._status = None
        return waiting
