"""API keys: prefixed, checksummed, stored as a digest only.

``aitbc_<id>_<secret>_<checksum>``: 12 hex digits of public id, 52 base-32 characters of secret (256
bits), 8 hex digits of CRC-32 over what precedes. The checksum tells a mistyped key from a wrong
one without a look into the database, and lets scanners of leaked secrets know a real one.
"""

import base64
import re
import zlib
from dataclasses import dataclass
from typing import Final

from coordinator.moment import RandomBytes
from ledger.hashing import sha256

_PREFIX: Final = "aitbc"
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_FORM: Final = re.compile(r"\Aaitbc_([0-9a-f]{12})_[a-z2-7]{52}_[0-9a-f]{8}\Z")


@dataclass(frozen=True, slots=True)
class KeyText:
    """A well-formed key."""

    key_id: str
    """Public part, by which the key is found."""
    text: str
    """The whole key."""

    @property
    def digest(self) -> bytes:
        """What is stored. The secret has 256 random bits, so a plain hash cannot be searched."""
        return sha256(self.text.encode())


def new_key(random_bytes: RandomBytes) -> KeyText:
    """Make a key."""
    key_id = random_bytes(_ID_BYTES).hex()
    secret = base64.b32encode(random_bytes(_SECRET_BYTES)).decode().rstrip("=").lower()
    body = f"{_PREFIX}_{key_id}_{secret}"
    return KeyText(key_id, f"{body}_{_checksum(body)}")


def parse_key(text: str) -> KeyText | None:
    """Return the key that a text is, None if it is mistyped or something else."""
    match = _FORM.match(text)
    if match is None:
        return None
    body, _, checksum = text.rpartition("_")
    return KeyText(match[1], text) if checksum == _checksum(body) else None


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
