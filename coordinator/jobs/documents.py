"""Payload and result documents: canonical JSON (RFC 8785) and the digests that the chain holds."""

import contextlib
from typing import Final

import msgspec
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

_INT_MAX: Final = 2**53 - 1
"""Greatest integer that every reader of JSON holds exactly."""

_PLAIN: Final = msgspec.json.Encoder(order="sorted").encode
"""Writes canonical JSON of values that `_is_plain` takes, in a fraction of the time."""


def canonical_json(value: JsonValue, what: str) -> bytes:
    """Return the canonical bytes of a JSON value from outside.

    Raises:
        InvalidRequest: it nests too deep, or holds a number or text that JSON cannot carry to
            another machine unchanged (an integer beyond 2^53, a lone surrogate).
    """
    if _is_plain(value):
        with contextlib.suppress(UnicodeEncodeError):
            return _PLAIN(value)
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


def _is_plain(value: JsonValue) -> bool:
    """Return whether every writer of sorted JSON writes the same for a value, nested or not.

    Names of letters beyond ASCII are in another order here and there, and of numbers, the great,
    the tiny and those such as 1.0 are written in several ways.
    """
    level = [value]
    for _ in range(_JSON_DEPTH_MAX):
        deeper: list[JsonValue] = []
        for item in level:
            if isinstance(item, dict):
                if not "".join(item).isascii():
                    return False
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
            elif not _is_plain_scalar(item):
                return False
        if not deeper:
            return True
        level = deeper
    return False


def _is_plain_scalar(value: JsonValue) -> bool:
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return -_INT_MAX <= value <= _INT_MAX
    return isinstance(value, float) and 1e-3 <= abs(value) < 1e15 and not value.is_integer()


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
