"""Tags and digests of one chain (T4, T5, J20, J21, T6)."""

import hashlib

import msgpack
import rfc8785

from aitbc.errors import InvalidValue
from aitbc.json_values import JsonValue


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def canonical_json(value: JsonValue) -> bytes:
    """Return the RFC 8785 bytes of a JSON value.

    Raises:
        InvalidValue: it holds something that JSON does not have.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidValue("json", str(error) or "is nested too deeply") from None


class ChainTags:
    """Everything that is signed or hashed for one chain, and only for that chain."""

    def __init__(self, chain_id: str, genesis_digest: bytes) -> None:
        """Bind to a chain; the id must belong to the 32-byte genesis digest (T4)."""
        if len(genesis_digest) != 32:
            raise InvalidValue("genesis_digest", "must be 32 bytes")
        if not chain_id.endswith("-" + genesis_digest[:8].hex()):
            raise InvalidValue("chain_id", f"{chain_id} is not the id of this genesis digest")
        self.chain_id = chain_id
        self.genesis_digest = genesis_digest

    def tag(self, purpose: str) -> bytes:
        """Return the 32-byte tag of a purpose (T4)."""
        return _sha256(f"aitbc/1/{purpose}/{self.genesis_digest.hex()}".encode())

    def digest(self, purpose: str, data: bytes) -> bytes:
        """Return SHA-256(tag(purpose) ‖ data)."""
        return _sha256(self.tag(purpose), data)

    def payload_digest(self, payload: bytes, blind: bytes) -> bytes:
        """Return the digest that the chain holds for a job's input (J20)."""
        return _sha256(self.tag("payload"), blind, _sha256(payload))

    def result_digest(
        self, job_id: bytes, attempt: int, miner: bytes, salt: bytes, result: bytes
    ) -> bytes:
        """Return the digest that a receipt names for a result (J21)."""
        return _sha256(
            self.tag("result"), job_id, attempt.to_bytes(8, "big"), miner, salt, _sha256(result)
        )

    def challenge_message(
        self, coordinator: bytes, public_key: bytes, nonce: bytes, expires_at_ms: int
    ) -> bytes:
        """Return what a miner signs to show that it holds a key, built by itself (T6)."""
        body = msgpack.packb([self.chain_id, coordinator, public_key, nonce, expires_at_ms])
        return self.tag("challenge") + body
