"""How fast peers are read: each by itself, and guests also all together."""

from dataclasses import dataclass
from typing import Final, Self

from node.p2p.buckets import Allowance, TokenBucket
from node.p2p.config import Limits

PIECE_BYTES: Final = 16_384
"""Bytes parsed at a time; between two pieces the rates are looked at."""

GUEST_PIECE_BYTES: Final = 1_024
"""The same of a guest: what its first piece takes beyond its rates, each new connection takes."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of one peer; beyond them, what it sends waits in its socket."""

    bytes: Allowance
    """Bytes of frames."""
    frames: Allowance
    """Frames: each costs more than its bytes."""
    piece_bytes: int
    """Bytes parsed at a time."""

    @classmethod
    def of_one(cls, bytes_per_second: int, frames_per_second: int, now_ms: int) -> Self:
        """Return rates that a peer shares with nobody."""
        return cls(
            Allowance(TokenBucket(bytes_per_second, bytes_per_second, now_ms)),
            Allowance(TokenBucket(frames_per_second, frames_per_second, now_ms)),
            PIECE_BYTES,
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
        own_bytes = TokenBucket(byte_rate, byte_rate, now_ms)
        own_frames = TokenBucket(frame_rate, frame_rate, now_ms)
        return Rates(
            Allowance(own_bytes, self._guests_bytes),
            Allowance(own_frames, self._guests_frames),
            GUEST_PIECE_BYTES,
        )
