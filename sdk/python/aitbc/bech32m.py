"""Bech32m (BIP-350) for addresses, on its own so that it can check the node's."""

from aitbc.errors import InvalidValue

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_FINAL = 0x2BC830A3


def _checksum(words: list[int]) -> int:
    state = 1
    for word in words:
        high, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ word
        for index, mask in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            state ^= mask * (high >> index & 1)
    return state


def _spread(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def encode(prefix: str, data: bytes) -> str:
    """Return the text of `data` under a lower-case prefix."""
    padded_bits = -(-len(data) * 8 // 5) * 5
    number = int.from_bytes(data, "big") << (padded_bits - len(data) * 8)
    words = [number >> shift & 31 for shift in range(padded_bits - 5, -1, -5)]
    total = _checksum(_spread(prefix) + words + [0] * 6) ^ _FINAL
    words += [total >> shift & 31 for shift in range(25, -1, -5)]
    return f"{prefix}1" + "".join(_ALPHABET[word] for word in words)


def decode(prefix: str, text: str, size: int) -> bytes:
    """Return the `size` bytes that `text` stands for.

    Raises:
        InvalidValue: wrong prefix, alphabet, length, padding or checksum, or mixed case.
    """
    expected = len(prefix) + 1 + -(-size * 8 // 5) + 6
    lowered = text.lower()
    # Letters beyond ASCII fold to these: U+212A, the Kelvin sign, to k.
    if len(text) != expected or not text.isascii() or text not in (lowered, text.upper()):
        raise InvalidValue("address", f"must be {expected} characters of one case")
    if not lowered.startswith(prefix + "1"):
        raise InvalidValue("address", f"must begin with {prefix}1")
    try:
        words = [_ALPHABET.index(char) for char in lowered[len(prefix) + 1 :]]
    except ValueError:
        raise InvalidValue("address", "has a character that addresses do not use") from None
    if _checksum(_spread(prefix) + words) != _FINAL:
        raise InvalidValue("address", "checksum is wrong; a character was mistyped")
    number = 0
    for word in words[:-6]:
        number = number << 5 | word
    spare_bits = (len(words) - 6) * 5 - size * 8
    if number & (1 << spare_bits) - 1:
        raise InvalidValue("address", "padding bits are not zero")
    return (number >> spare_bits).to_bytes(size, "big")
