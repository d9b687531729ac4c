"""Vectors of tags, keys, addresses and signatures (T4, T5, T10)."""

from typing import Final

import nacl.bindings

from ledger.errors import AddressInvalid, KeyInvalid
from ledger.hashing import GENESIS_POP_TAG, Purpose
from ledger.keys import check_public_key, format_address, parse_address, verify
from tests.vectors.bech32_text import bech32_text, to_words
from tests.vectors.world import CHAIN_ID, CHAIN_NAME, CLIENT, GENESIS_DIGEST, KEYS, TAGS, Json

GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
FIELD_PRIME: Final = 2**255 - 19

ORDER_8: Final = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
"""A point of order 8; its multiples are the whole small subgroup."""


def chain() -> Json:
    """Tags of every purpose, and the keys that the other files use."""
    return {
        "name": CHAIN_NAME,
        "genesis_digest": GENESIS_DIGEST.hex(),
        "chain_id": CHAIN_ID,
        "genesis_pop_tag": GENESIS_POP_TAG.decode(),
        "tags": {purpose.value: TAGS[purpose].hex() for purpose in Purpose},
        "keys": {
            role: {
                "seed": key.seed().hex(),
                "public_key": key.public_key.hex(),
                "address_bytes": key.address.hex(),
                "address": format_address(key.address),
            }
            for role, key in KEYS.items()
        },
    }


def addresses() -> Json:
    """Texts that are addresses, and texts that are not."""
    valid = [key.address for key in KEYS.values()] + [bytes(20), b"\xff" * 20]
    text = format_address(CLIENT.address)
    swapped = text[:10] + text[11] + text[10] + text[12:]
    assert swapped != text
    invalid = {
        "empty": "",
        "no separator": text.replace("1", "", 1),
        "another prefix": bech32_text("bit", to_words(CLIENT.address)),
        "mixed case": text[:-1] + text[-1].upper() if text[-1].isalpha() else text.title(),
        "two characters swapped": swapped,
        "one character changed": text[:-1] + ("q" if text[-1] != "q" else "p"),
        "a character that bech32m does not use": text[:8] + "b" + text[9:],
        "a space before": " " + text,
        "a line break after": text + "\n",
        "bech32, not bech32m": bech32_text("ait", to_words(CLIENT.address), constant=1),
        "padding bits that are not zero": bech32_text("ait", [*to_words(bytes(21))[:-1], 1]),
        "a whole word of padding": bech32_text("ait", [*to_words(bytes(20)), 0]),
        "19 bytes": bech32_text("ait", to_words(bytes(19))),
        "21 bytes": bech32_text("ait", to_words(bytes(21))),
        "32 bytes": bech32_text("ait", to_words(bytes(32))),
        "longer than 90 characters": text + "q" * 60,
        "not ASCII": text[:8] + "\u0430" + text[9:],
        "the Kelvin sign, whose small letter is k": _with_kelvin_sign(valid),
    }
    for wrong in invalid.values():
        _assert_refused(wrong)
    return {
        "valid": [{"address": format_address(a), "bytes": a.hex()} for a in valid],
        "invalid": [{"why": why, "text": wrong} for why, wrong in invalid.items()],
    }


def public_keys() -> Json:
    """Keys that may enter the state, and byte strings that may not (T10)."""
    refused: list[tuple[str, bytes]] = [
        ("31 bytes", CLIENT.public_key[:31]),
        ("33 bytes", CLIENT.public_key + b"\x00"),
        ("not on the curve", (2).to_bytes(32, "little")),
        *((f"small order: {n} times the point of order 8", p) for n, p in _small_subgroup()),
        *_non_canonical(),
        (
            "mixed order: a good key plus a point of order 8",
            nacl.bindings.crypto_core_ed25519_add(CLIENT.public_key, ORDER_8),
        ),
    ]
    for why, key in refused:
        try:
            check_public_key(key)
        except KeyInvalid:
            continue
        raise AssertionError(f"{why} is accepted")
    return {
        "valid": [key.public_key.hex() for key in KEYS.values()],
        "invalid": [{"why": why, "public_key": key.hex()} for why, key in refused],
    }


def signatures() -> Json:
    """Signatures with the verdict that every verifier must reach (T10)."""
    message = b"vectors: any message"
    good = CLIENT.sign(message)
    r, s = good[:32], int.from_bytes(good[32:], "little")
    identity = (1).to_bytes(32, "little")
    cases = [
        ("good", CLIENT.public_key, message, good),
        ("good, of an empty message", CLIENT.public_key, b"", CLIENT.sign(b"")),
        ("another message", CLIENT.public_key, message + b"!", good),
        ("another key", KEYS["other"].public_key, message, good),
        ("R flipped", CLIENT.public_key, message, bytes([r[0] ^ 1]) + good[1:]),
        ("S flipped", CLIENT.public_key, message, r + bytes([good[32] ^ 1]) + good[33:]),
        (
            "S + L: not below the group order",
            CLIENT.public_key,
            message,
            r + _scalar(s + GROUP_ORDER),
        ),
        ("all zero", CLIENT.public_key, message, bytes(64)),
        ("key of small order, R identity, S 0", identity, message, identity + bytes(32)),
        ("63 bytes", CLIENT.public_key, message, good[:63]),
        ("65 bytes", CLIENT.public_key, message, good + b"\x00"),
    ]
    return [
        {
            "name": name,
            "public_key": key.hex(),
            "message": text.hex(),
            "signature": signature.hex(),
            "valid": verify(key, text, signature),
        }
        for name, key, text, signature in cases
    ]


def _with_kelvin_sign(addresses: list[bytes]) -> str:
    texts = (format_address(address).upper() for address in addresses)
    return next(text for text in texts if "K" in text).replace("K", "\u212a")


def _scalar(value: int) -> bytes:
    return value.to_bytes(32, "little")


def _small_subgroup() -> list[tuple[int, bytes]]:
    points, point = [], ORDER_8
    for multiple in range(1, 9):
        points.append((multiple, point))
        point = nacl.bindings.crypto_core_ed25519_add(point, ORDER_8)
    assert points[7][1] == (1).to_bytes(32, "little")
    return points


def _non_canonical() -> list[tuple[str, bytes]]:
    """Encodings with y ≥ p, and of x = 0 with the sign bit set."""
    top = 1 << 255
    found = [
        (f"not canonical: y = p + {y}", (FIELD_PRIME + y).to_bytes(32, "little")) for y in range(19)
    ]
    found += [
        ("not canonical: y = 1 with the sign of x set", (1 | top).to_bytes(32, "little")),
        (
            "not canonical: y = p - 1 with the sign set",
            (FIELD_PRIME - 1 | top).to_bytes(32, "little"),
        ),
        ("not canonical: y = p with the sign set", (FIELD_PRIME | top).to_bytes(32, "little")),
    ]
    return found


def _assert_refused(text: str) -> None:
    try:
        parse_address(text)
    except AddressInvalid:
        return
    raise AssertionError(f"{text!r} is accepted")
