"""SHA-256 and the closed list of purposes that separate one signed thing from another (T4, T5)."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

GENESIS_POP_TAG: Final = b"aitbc/1/genesis-pop"
"""Fixed tag of a genesis authority's possession proof; fixed because the genesis digest, which
every other tag contains, does not exist yet when the proof is made (S14)."""


class Purpose(StrEnum):
    """What a hash or a signature is for. The list is closed and part of the vectors (T5)."""

    TX = "tx"
    TX_SIGN = "tx-sign"
    HEADER = "header"
    VALIDATOR_SET = "validator-set"
    NOTARIZE = "notarize"
    NULLIFY = "nullify"
    FINALIZE = "finalize"
    PAYLOAD = "payload"
    RESULT = "result"
    CHALLENGE = "challenge"
    HELLO = "hello"
    CLAIM = "claim"
    PEER_RECORD = "peer-record"
    POSSESSION = "possession"


def sha256(data: bytes) -> bytes:
    """Return the 32-byte SHA-256 digest of `data`."""
    return hashlib.sha256(data).digest()


def sha256_each(items: Iterable[bytes | memoryview]) -> list[bytes]:
    """Return the SHA-256 digest of each item, in order, without a line of Python for each."""
    return list(map(_DIGEST, map(hashlib.sha256, items)))


_DIGEST: Final = type(hashlib.sha256()).digest


class Tags:
    """The 32-byte tags of one chain, one per purpose, computed once (T4).

    A tag contains the genesis digest, so that nothing signed for one chain means anything on
    another, not even on a later chain of the same name.
    """

    __slots__ = ("_tags", "genesis_digest", "tx")

    def __init__(self, genesis_digest: bytes) -> None:
        """Compute all tags of the chain whose genesis has this 32-byte digest."""
        if len(genesis_digest) != 32:
            raise ValueError(f"genesis digest must be 32 bytes, not {len(genesis_digest)}")
        self.genesis_digest = genesis_digest
        suffix = "/" + genesis_digest.hex()
        self._tags = {p: sha256(f"aitbc/1/{p.value}{suffix}".encode()) for p in Purpose}
        self.tx = self._tags[Purpose.TX]
        """The tag of `Purpose.TX`, which is used most."""

    def __getitem__(self, purpose: Purpose) -> bytes:
        """Return the tag of `purpose`."""
        return self._tags[purpose]

    def digest(self, purpose: Purpose, data: bytes) -> bytes:
        """Return SHA-256(tag(purpose) ‖ data)."""
        return hashlib.sha256(self._tags[purpose] + data).digest()


def chain_id_of(name: str, genesis_digest: bytes) -> str:
    """Return the chain id: the chain's name and the first 16 hex digits of its genesis (T4)."""
    return f"{name}-{genesis_digest[:8].hex()}"
