"""Short names of signed transactions, as peers use them among themselves; never an id.

Two references that collide take 2^64 hashes to make, and gain nothing: what was rebuilt by
references is compared with the header's transaction root before it counts as the block's body.
"""

from typing import Final

from ledger.hashing import sha256

REFERENCE_BYTES: Final = 16
"""Of SHA-256 over the full signed bytes (T3)."""


def reference_of(signed: bytes) -> bytes:
    """Return the reference of a transaction's canonical signed bytes."""
    return sha256(signed)[:REFERENCE_BYTES]
