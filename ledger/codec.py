"""Canonical MessagePack: the only place where bytes become ledger types.

Canonical bytes are arrays in field order with minimal integers, no maps, no floats. Decoding is
typed and bounded; the decoded value is encoded again and compared, so exactly one byte string
decodes to each value, and trailing bytes are an error.
"""

from typing import Final, Generic, TypeVar

import msgspec

from ledger.errors import BytesMalformed, BytesNotCanonical, BytesTooLarge

T = TypeVar("T")

_encoder: Final = msgspec.msgpack.Encoder()


def encode(value: object) -> bytes:
    """Return the canonical bytes of a wire type."""
    return _encoder.encode(value)


class Codec(Generic[T]):
    """Decoder of one wire type with a size limit.

    Args:
        wire_type: the msgspec type to decode into.
        bytes_max: longest input that is looked at, in bytes.
    """

    __slots__ = ("_decoder", "bytes_max", "name")

    def __init__(self, wire_type: type[T], bytes_max: int, name: str = "") -> None:
        """Prepare a decoder; do it once per type, at import of the module that owns the type."""
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(wire_type)
        self.bytes_max = bytes_max
        self.name = name or wire_type.__name__

    def decode(self, data: bytes) -> T:
        """Return the value that `data` is the canonical encoding of.

        Raises:
            BytesTooLarge: longer than `bytes_max`; not looked at.
            BytesMalformed: not MessagePack, or not of this type; names the field.
            BytesNotCanonical: another byte string is the encoding of the same value.
        """
        if len(data) > self.bytes_max:
            raise BytesTooLarge(self.name, len(data), self.bytes_max)
        try:
            value = self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BytesMalformed(self.name, str(error)) from None
        if _encoder.encode(value) != data:
            raise BytesNotCanonical(self.name)
        return value

    def decode_trusted(self, data: bytes) -> T:
        """Decode bytes that this program wrote itself; skips the canonical comparison."""
        return self._decoder.decode(data)
