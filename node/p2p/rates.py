"""How fast peers are read: each by itself, and guests also all together."""

from dataclasses import dataclass
from typing import Final, Self

from node.p2p.buckets import Allowance, TokenBucket
from node.p2p.config import Limits

GUEST_BURST_SECONDS: Final = 4
"""Seconds of a guest's own rates that it may use at once: a hello is followed by many frames."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of one peer; beyond them, what it sends waits in its socket."""

    bytes: Allowance
    """Bytes of frames."""
    frames: Allowance
    """Frames: each costs more than its bytes."""

    @classmethod
    def of_one(cls, bytes_per_second: int, frames_per_second: int, now_ms: int) -> Self:
        """Return rates that a peer shares with nobody."""
        return cls(
            Allowance(TokenBucket(bytes_per_second, bytes_per_second, now_ms)),
            Allowance(TokenBucket(frames_per_second, frames_per_second, now_ms)),
        )


class RateTable:
    """Rates by what a peer is."""

    def __init__(self, limits: Limits, now_ms: int) -> None:
        """Begin with full buckets."""
        byte_rate, frame_rate = limits.guests_bytes_per_second, limits.guests_frames_per_second
        self._limits = limits
        self._guests_bytes = TokenBucket(byte_rate, byte_rate, now_ms)
        self._guests_frames = TokenBucket(frame_rate, frame_rate, now_ms)

    def rates(self, *, is_guest: bool, now_ms: int) -> Rates:
        """Return the rates of a peer."""
        limits = self._limits
        if not is_guest:
            return Rates.of_one(limits.bytes_per_second, limits.frames_per_second, now_ms)
        byte_rate, frame_rate = limits.guest_bytes_per_second, limits.guest_frames_per_second
        own_bytes = TokenBucket(byte_rate, GUEST_BURST_SECONDS * byte_rate, now_ms)
        own_frames = TokenBucket(frame_rate, GUEST_BURST_SECONDS * frame_rate, now_ms)
        return Rates(
            Allowance(own_bytes, self._guests_bytes), Allowance(own_frames, self._guests_frames)
        )
