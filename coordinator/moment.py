"""Time, randomness and chain parameters as inputs of the coordinator's decisions."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from coordinator.ports import Chain
from ledger.params import Parameters
from ledger.records import Gap
from ledger.types import TimestampMs

Clock = Callable[[], TimestampMs]
"""Returns the time in milliseconds since the Unix epoch."""

RandomBytes = Callable[[int], bytes]
"""Returns so many unpredictable bytes."""


def system_clock() -> TimestampMs:
    """Return the machine's time."""
    return time.time_ns() // 1_000_000


def system_random(count: int) -> bytes:
    """Return bytes of the machine's random source."""
    return os.urandom(count)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a decision may know of now; taken on the event loop, passed to the database thread."""

    now_ms: TimestampMs
    """The coordinator's clock."""
    chain_ms: TimestampMs
    """Time of the newest final block; `valid_until_ms` derives from it (J26)."""
    parameters: Parameters
    """Parameters in force."""
    gap: Gap | None
    """Record of a halt under which a block now would judge the limits of jobs (J12)."""


class Moments:
    """Takes moments from a chain and a clock."""

    def __init__(self, chain: Chain, clock: Clock) -> None:
        """Remember where the time comes from."""
        self._chain = chain
        self._clock = clock

    def now(self) -> Moment:
        """Return this moment; call it on the event loop."""
        chain, now_ms = self._chain, self._clock()
        head_ms = chain.head().timestamp_ms
        return Moment(now_ms, head_ms, chain.parameters(), chain.gap_at(now_ms))

    def clock_ms(self) -> TimestampMs:
        """Return the coordinator's time alone."""
        return self._clock()
