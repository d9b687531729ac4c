"""Bech32 and bech32m texts of any words, right and wrong, written from BIP-173 and BIP-350.

Shares nothing with `ledger.bech32m`, so that the address vectors have two sources.
"""

CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32M = 0x2BC830A3


def bech32_text(prefix: str, words: list[int], constant: int = BECH32M) -> str:
    """Return prefix, separator, 5-bit words and their checksum; bech32's constant is 1."""
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    rest = remainder([*expanded, *words, 0, 0, 0, 0, 0, 0]) ^ constant
    checksum = [(rest >> shift) & 31 for shift in (25, 20, 15, 10, 5, 0)]
    return prefix + "1" + "".join(CHARACTERS[word] for word in [*words, *checksum])


def to_words(data: bytes) -> list[int]:
    """Return the bits of `data` in groups of five, the last filled up with zeros."""
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]


def remainder(words: list[int]) -> int:
    """Return the remainder of the code's polynomial division."""
    value = 1
    for word in words:
        high, value = value >> 25, (value & 0x1FFFFFF) << 5 ^ word
        for bit, term in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            value ^= term * (high >> bit & 1)
    return value
