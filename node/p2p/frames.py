"""Bytes of a frame ↔ a message: by kind, within the kind's limit, canonical."""

from types import MappingProxyType
from typing import Final

from ledger.codec import encode
from ledger.errors import BytesMalformed, BytesNotCanonical, BytesTooLarge
from node.p2p.errors import FrameMalformed, FrameNotCanonical, FrameTooLarge, KindUnknown
from node.p2p.kinds import KINDS, Kind
from node.p2p.messages import Message

FRAME_BYTES_MAX: Final = max(kind.bytes_max for kind in KINDS.values())
"""Longest frame of any kind; more is refused when its length is read, before it is held."""

_FIRST_ARRAY_HEAD: Final = 0x91
_LAST_ARRAY_HEAD: Final = 0x9F
"""Every message is a MessagePack array of 1 to 15 elements, whose head is one byte."""

_BY_NUMBER: Final = MappingProxyType({kind.number: kind for kind in KINDS.values()})


def encode_frame(message: Message) -> bytes:
    """Return the frame that carries a message.

    The caller keeps within the limits that `messages` states; a frame beyond them is our defect.
    """
    data = encode(message)
    kind = KINDS[type(message)]
    assert len(data) <= kind.bytes_max, (
        f"{kind.name} of {len(data)} bytes, {kind.bytes_max} allowed"
    )
    return data


def kind_of(data: bytes) -> Kind:
    """Return the kind that a frame claims to be.

    Raises:
        FrameMalformed: it does not begin like a message.
        KindUnknown: no kind has this number.
    """
    if len(data) < 2 or not _FIRST_ARRAY_HEAD <= data[0] <= _LAST_ARRAY_HEAD or data[1] > 0x7F:
        raise FrameMalformed("a frame begins with the head of a short array and a kind")
    kind = _BY_NUMBER.get(data[1])
    if kind is None:
        raise KindUnknown(f"no message has kind {data[1]}")
    return kind


def decode_frame(data: bytes) -> tuple[Kind, Message]:
    """Return the message of a frame.

    Raises:
        FrameRefused: of a class that says what is wrong.
    """
    kind = kind_of(data)
    try:
        return kind, kind.codec.decode(data)
    except BytesTooLarge as error:
        raise FrameTooLarge(str(error)) from None
    except BytesNotCanonical as error:
        raise FrameNotCanonical(str(error)) from None
    except BytesMalformed as error:
        raise FrameMalformed(str(error)) from None
