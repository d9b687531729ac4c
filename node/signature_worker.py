"""A process that verifies Ed25519 signatures: frames on standard input, verdicts on output.

It first reads the 32-byte tag that signatures are over. A frame is a count (4 bytes, big endian)
and that many records of public key, transaction id and signature (128 bytes); the answer is one
byte a record, 1 for a good signature. It ends when its input does, so it never outlives the node,
however that dies.
"""

import signal
import sys
from typing import BinaryIO, Final

from ledger.keys import verify

COUNT_BYTES: Final = 4
"""Size of a frame's count."""

RECORD_BYTES: Final = 128
"""Public key, transaction id, signature."""

TAG_BYTES: Final = 32
"""Size of the tag."""


def verify_record(tag: bytes, record: bytes) -> bool:
    """Return whether a record's signature is its key's over tag ‖ id (T5)."""
    return verify(record[:32], tag + record[32:64], record[64:])


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frames until the source ends."""
    tag = source.read(TAG_BYTES)
    while len(header := source.read(COUNT_BYTES)) == COUNT_BYTES:
        size = int.from_bytes(header, "big") * RECORD_BYTES
        body = source.read(size)
        if len(body) < size:
            return
        verdicts = bytes(
            verify_record(tag, body[at : at + RECORD_BYTES]) for at in range(0, size, RECORD_BYTES)
        )
        sink.write(verdicts)
        sink.flush()


if __name__ == "__main__":
    # Ctrl-C reaches the whole process group; the node decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
