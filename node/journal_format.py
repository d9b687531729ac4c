"""Bytes of the vote journal: frames, what is in them, and where a file stops being whole.

A file is a row of frames, one a batch::

    magic 4 | payload length 4 | CRC-32 4 | sequence 8 | payload

The CRC is over the file's salt, sequence and payload; the first frame, which names the salt, has
none. Each batch is written in one piece and synced before the next, so only the last frame can be
torn by a crash. Whatever is wrong before a later whole frame is damage, and not ours to guess
about. Blocks hold bytes that strangers choose: without the salt, which nobody else knows, a frame
within a transaction would make a torn write look like damage.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from consensus import CertificateSeen, VerdictGiven, VoteSeen
from ledger.codec import encode
from ledger.params import BLOCK_BYTES_MAX
from ledger.types import Epoch, Hash, PublicKey, View

FORMAT_VERSION: Final = 2
"""Version of this format."""

_ARRAY_HEAD_BYTES: Final = 5
"""Longest header of a MessagePack array."""

_MAGIC: Final = b"AJr1"
_HEAD: Final = struct.Struct(">4sIIQ")
_SEQUENCE: Final = struct.Struct(">Q")

SALT_BYTES: Final = 16
"""Length of a file's salt."""

PAYLOAD_BYTES_MAX: Final = 4 * BLOCK_BYTES_MAX
"""More entries make a further frame; a longer length is damage, not data."""


class JournalIdentity(
    msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True
):
    """Whose votes a file holds; its first frame."""

    version: int
    """`FORMAT_VERSION`."""
    genesis_digest: Hash
    """The chain."""
    epoch: Epoch
    """The epoch; votes of one say nothing in another."""
    public_key: PublicKey
    """The validator's key; zero for a follower."""
    salt: Annotated[bytes, msgspec.Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
    """Random bytes of this file alone, in the checksum of every later frame."""


class _Entry(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of what the journal adds to the core's records; tags continue theirs."""


class KeptBlock(_Entry, frozen=True, tag=11):
    """A block that this node vouches for, until the store has it or it is abandoned."""

    view: View
    """View of the vote or the notarization."""
    block_id: Hash
    """Its id."""
    data: bytes
    """Its canonical bytes."""


class FloorMark(_Entry, frozen=True, tag=12):
    """Everything up to this view is final and was durable in the store when this was written."""

    view: View
    """The view."""


Entry = VoteSeen | CertificateSeen | VerdictGiven | KeptBlock | FloorMark
"""Anything in a batch."""

_BATCH_DECODER: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])
_ENTRY_DECODER: Final[msgspec.msgpack.Decoder[Entry]] = msgspec.msgpack.Decoder(Entry)
_IDENTITY_DECODER: Final = msgspec.msgpack.Decoder(JournalIdentity)


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame of a file."""

    sequence: int
    """0 for the identity, then growing by 1."""
    payload: bytes
    """Canonical bytes of an identity or a batch."""
    end: int
    """Offset of the byte after it."""


def encode_frame(sequence: int, payload: bytes, salt: bytes) -> bytes:
    """Return a frame; the identity's has no salt."""
    head = _HEAD.pack(_MAGIC, len(payload), _checksum(sequence, payload, salt), sequence)
    return head + payload


def read_frame(data: bytes, offset: int, salt: bytes) -> Frame | None:
    """Return the frame at an offset, None if there is no whole one."""
    if len(data) - offset < _HEAD.size:
        return None
    magic, length, checksum, sequence = _HEAD.unpack_from(data, offset)
    start, end = offset + _HEAD.size, offset + _HEAD.size + length
    if magic != _MAGIC or length > PAYLOAD_BYTES_MAX or end > len(data):
        return None
    payload = data[start:end]
    if _checksum(sequence, payload, salt) != checksum:
        return None
    return Frame(sequence, payload, end)


def has_frame_after(data: bytes, offset: int, salt: bytes) -> bool:
    """Return whether a whole frame begins anywhere after an offset.

    Then what stands at the offset is damage, since a torn write is always the last.
    """
    at = data.find(_MAGIC, offset + 1)
    while at >= 0:
        if read_frame(data, at, salt):
            return True
        at = data.find(_MAGIC, at + 1)
    return False


def _checksum(sequence: int, payload: bytes, salt: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_SEQUENCE.pack(sequence), zlib.crc32(salt)))


def encode_entry(entry: Entry) -> msgspec.Raw:
    """Return an entry's bytes, as a batch holds them."""
    return msgspec.Raw(encode(entry))


def encode_batches(entries: Sequence[msgspec.Raw]) -> Iterator[bytes]:
    """Yield payloads that hold the entries in order, each within `PAYLOAD_BYTES_MAX`."""
    batch: list[msgspec.Raw] = []
    room = PAYLOAD_BYTES_MAX - _ARRAY_HEAD_BYTES
    for entry in entries:
        size = memoryview(entry).nbytes
        if batch and size > room:
            yield encode(batch)
            batch, room = [], PAYLOAD_BYTES_MAX - _ARRAY_HEAD_BYTES
        batch.append(entry)
        room -= size
    if batch:
        yield encode(batch)


def decode_batch(payload: bytes) -> list[tuple[Entry, msgspec.Raw]]:
    """Return a payload's entries with their bytes.

    Raises:
        msgspec.DecodeError: a whole frame holds something else; another program wrote it.
    """
    return [(_ENTRY_DECODER.decode(raw), msgspec.Raw(bytes(raw))) for raw in _decode_raw(payload)]


def decode_identity(payload: bytes) -> JournalIdentity:
    """Return the first frame's content.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _IDENTITY_DECODER.decode(payload)


def _decode_raw(payload: bytes) -> list[msgspec.Raw]:
    return _BATCH_DECODER.decode(payload)
