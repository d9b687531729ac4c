"""Bech32m text (BIP-350) for 20-byte addresses.

Written here because the packages that offer it either lack the final "m" variant or import names
that newer Python versions have removed; the published BIP-350 vectors are among the tests.
"""

from typing import Final

from ledger.errors import AddressInvalid

CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHECKSUM_CONSTANT: Final = 0x2BC830A3
CHECKSUM_LENGTH: Final = 6
TEXT_LENGTH_MAX: Final = 90
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_VALUE_OF: Final = {char: value for value, char in enumerate(CHARSET)}


def _reduction(top: int) -> int:
    """Return what the five bits above the checksum's 25 turn into."""
    total = 0
    for bit, coefficient in enumerate(_GENERATOR):
        if top >> bit & 1:
            total ^= coefficient
    return total


# A genesis of 10^6 accounts has as many checksums: one look-up a character, not five tests.
_REDUCTIONS: Final = tuple(map(_reduction, range(32)))


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value ^ _REDUCTIONS[checksum >> 25]
    return checksum


def _expand_prefix(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _words(data: bytes) -> list[int]:
    """Return groups of five bits, most significant first, the last filled up with zeros."""
    padding = -len(data) * 8 % 5
    number = int.from_bytes(data, "big") << padding
    return [number >> shift & 31 for shift in range(len(data) * 8 + padding - 5, -1, -5)]


def _bytes(words: list[int]) -> bytes | None:
    """Return what `_words` makes these of; None if what is left over is not all zeros."""
    number = 0
    for word in words:
        number = number << 5 | word
    padding = len(words) * 5 % 8
    if padding >= 5 or number & (1 << padding) - 1:
        return None
    return (number >> padding).to_bytes(len(words) * 5 // 8, "big")


def encode(prefix: str, data: bytes) -> str:
    """Return the bech32m text of `data` under the lower-case `prefix`."""
    words = _words(data)
    polymod = _polymod(_expand_prefix(prefix) + words + [0] * CHECKSUM_LENGTH) ^ CHECKSUM_CONSTANT
    checksum = [polymod >> 5 * (CHECKSUM_LENGTH - 1 - i) & 31 for i in range(CHECKSUM_LENGTH)]
    return prefix + "1" + "".join(CHARSET[word] for word in words + checksum)


def decode(prefix: str, text: str) -> bytes:
    """Return the bytes that `text` stands for.

    Raises:
        AddressInvalid: not bech32m, mixed case, another prefix, or a wrong checksum.
    """
    if len(text) > TEXT_LENGTH_MAX:
        raise AddressInvalid(f"longer than {TEXT_LENGTH_MAX} characters")
    if text != text.lower() and text != text.upper():
        raise AddressInvalid("mixed upper and lower case")
    lowered = text.lower()
    found_prefix, separator, tail = lowered.rpartition("1")
    if not separator or found_prefix != prefix:
        raise AddressInvalid(f"does not begin with {prefix}1")
    # Letters beyond ASCII fold to these: U+212A, the Kelvin sign, to k.
    known = text.isascii() and all(char in _VALUE_OF for char in tail)
    if len(tail) < CHECKSUM_LENGTH or not known:
        raise AddressInvalid("contains a character that bech32m does not use")
    words = [_VALUE_OF[char] for char in tail]
    if _polymod(_expand_prefix(prefix) + words) != CHECKSUM_CONSTANT:
        raise AddressInvalid("wrong checksum: a character was mistyped")
    data = _bytes(words[:-CHECKSUM_LENGTH])
    if data is None:
        raise AddressInvalid("padding bits are not zero")
    return data
