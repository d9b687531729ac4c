"""Parts of files: one range of bytes (RFC 9110, 14.2), so that a download goes on where it broke.

A request for several ranges, or one in another unit, is answered with the whole file, as the RFC
allows.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coordinator.errors import CoordinatorError

PIECE_BYTES: Final = 262_144
"""Bytes that are in memory at a time."""

_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.ASCII)


class RangeNotSatisfiable(CoordinatorError):
    """The file has no byte of the range that was asked for (416)."""

    code = "RANGE_NOT_SATISFIABLE"


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Some bytes of a file."""

    first: int
    """Place of the first."""
    last: int
    """Place of the last, which is one of them."""

    @property
    def length(self) -> int:
        """How many there are."""
        return self.last - self.first + 1


def range_of(header: str, size: int) -> ByteRange | None:
    """Return the bytes that a `Range` header asks for, None for the whole file.

    Raises:
        RangeNotSatisfiable: the file ends before them.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    begin, end, newest = match.groups()
    if newest is not None:
        first, last = max(0, size - int(newest)), size - 1
    else:
        first, last = int(begin), min(int(end), size - 1) if end else size - 1
        if end and int(end) < first:
            # Not a range at all, says the RFC: it is ignored.
            return None
    if first > last:
        raise RangeNotSatisfiable(f"The file has {size} bytes")
    return ByteRange(first, last)


async def read_range(path: Path, wanted: ByteRange) -> AsyncIterator[bytes]:
    """Yield bytes of a file, a piece at a time."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, wanted.first)
        left = wanted.length
        while left > 0:
            piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, left))
            if not piece:
                return
            left -= len(piece)
            yield piece
    finally:
        file.close()
