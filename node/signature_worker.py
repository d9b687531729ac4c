"""A process that verifies Ed25519 signatures: frames on standard input, verdicts on output.

It first reads the 32-byte tag that signatures are over. A frame is a head, which is its number
(8 bytes) and a count (4 bytes, both big endian), and that many records of public key, transaction
id and signature (128 bytes). The answer is the same head and one byte a record, 1 for a good
signature and 0 for any other: who asked compares the head, so that no verdict is taken for another
frame's. The process ends when its input does, so it never outlives the node, however that dies.
"""

import signal
import sys
from typing import BinaryIO, Final

from ledger.keys import verify

NUMBER_BYTES: Final = 8
"""Size of a frame's number."""

COUNT_BYTES: Final = 4
"""Size of a frame's count."""

HEAD_BYTES: Final = NUMBER_BYTES + COUNT_BYTES
"""What begins a frame and its answer."""

RECORD_BYTES: Final = 128
"""Public key, transaction id, signature."""

TAG_BYTES: Final = 32
"""Size of the tag."""


def head_of(number: int, count: int) -> bytes:
    """Return what begins the frame of this number, and its answer."""
    return number.to_bytes(NUMBER_BYTES, "big") + count.to_bytes(COUNT_BYTES, "big")


def verify_record(tag: bytes, record: bytes) -> bool:
    """Return whether a record's signature is its key's over tag ‖ id (T5)."""
    return verify(record[:32], tag + record[32:64], record[64:])


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frames until the source ends."""
    tag = source.read(TAG_BYTES)
    while len(head := source.read(HEAD_BYTES)) == HEAD_BYTES:
        size = int.from_bytes(head[NUMBER_BYTES:], "big") * RECORD_BYTES
        body = source.read(size)
        if len(body) < size:
            return
        verdicts = bytes(
            verify_record(tag, body[at : at + RECORD_BYTES]) for at in range(0, size, RECORD_BYTES)
        )
        sink.write(head + verdicts)
        sink.flush()


if __name__ == "__main__":
    # Ctrl-C reaches the whole process group; the node decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
