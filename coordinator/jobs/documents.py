"""Payload and result documents: canonical JSON (RFC 8785) and the digests that the chain holds."""

from typing import Final

import rfc8785

from coordinator.errors import InvalidRequest
from coordinator.jobs.model import JobSpec
from coordinator.values import JsonValue
from ledger.hashing import Purpose, Tags, sha256
from ledger.types import Address, Attempt, Hash

BLIND_BYTES: Final = 32
SALT_BYTES: Final = 32

_JSON_DEPTH_MAX: Final = 32
"""Nesting of a document; deeper ones are refused before anything recurses into them."""


def canonical_json(value: JsonValue, what: str) -> bytes:
    """Return the canonical bytes of a JSON value from outside.

    Raises:
        InvalidRequest: it nests too deep, or holds a number or text that JSON cannot carry to
            another machine unchanged (an integer beyond 2^53, a lone surrogate).
    """
    _check_depth(value, what)
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InvalidRequest.at(what, f"cannot be written as canonical JSON: {error}") from None


def payload_bytes(spec: JobSpec) -> bytes:
    """Return the payload that the chain's digest covers and that the miner gets."""
    payload: dict[str, JsonValue] = {
        "input": spec.input,
        "model": spec.model,
        "params": spec.params,
        "service": spec.service,
    }
    return canonical_json(payload, "payload")


def payload_digest(tags: Tags, blind: bytes, payload: bytes) -> Hash:
    """Return SHA-256(tag("payload") ‖ blind ‖ SHA-256(payload)) (J20)."""
    assert len(blind) == BLIND_BYTES
    return tags.digest(Purpose.PAYLOAD, blind + sha256(payload))


def result_digest(
    tags: Tags, place: tuple[Hash, Attempt, Address], salt: bytes, document: bytes
) -> Hash:
    """Return SHA-256(tag("result") ‖ job ‖ attempt ‖ miner ‖ salt ‖ SHA-256(result)) (J21).

    Args:
        tags: the chain's.
        place: job, attempt and miner, to which the digest is bound.
        salt: 32 bytes, delivered with the result.
        document: canonical result document.
    """
    assert len(salt) == SALT_BYTES
    job_id, attempt, miner = place
    bound = job_id + attempt.to_bytes(8, "big") + miner
    return tags.digest(Purpose.RESULT, bound + salt + sha256(document))


def _check_depth(value: JsonValue, what: str) -> None:
    level = [value]
    for _ in range(_JSON_DEPTH_MAX):
        deeper: list[JsonValue] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
        if not deeper:
            return
        level = deeper
    raise InvalidRequest.at(what, f"nests deeper than {_JSON_DEPTH_MAX} levels")
