"""Canonical MessagePack of a stranger: bounded, and with exactly one byte string for a value."""

import msgpack

from aitbc.errors import InvalidValue


def decode(field: str, data: bytes, bytes_max: int) -> object:
    """Return the value that `data` is the canonical encoding of.

    Its types are for the caller to check: arrays are lists here, and whatever else MessagePack
    has, maps and floats too, comes as it is.

    Args:
        field: what the bytes are, for errors.
        data: hostile.
        bytes_max: longest input that is looked at.

    Raises:
        InvalidValue: too long, no MessagePack, or not its shortest form.
    """
    if len(data) > bytes_max:
        raise InvalidValue(field, f"has {len(data)} bytes, more than {bytes_max}")
    try:
        value: object = msgpack.unpackb(data)
        again = msgpack.packb(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        # The package's errors of form all derive from ValueError, some without a text. What is
        # read but cannot be written, such as a map keyed by an array, is none of ours either.
        reason = str(error) or type(error).__name__
        raise InvalidValue(field, f"is no MessagePack: {reason}") from None
    if again != data:
        raise InvalidValue(field, "is not canonical: another byte string says the same")
    return value
