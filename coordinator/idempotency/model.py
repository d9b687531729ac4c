"""A request under a key, and the answer that is kept of it."""

from dataclasses import dataclass
from typing import Final

from ledger.types import Hash, TimestampMs

RETENTION_MS: Final = 86_400_000
"""How long a key is remembered: a day. Afterwards the same key makes something new."""

ANSWER_BYTES_MAX: Final = 65_536
"""Longest body that is kept. A repeat of a longer answer is answered anew from what was made."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is kept of one owner at a time."""

    keys_max: int = 200_000
    """Keys: more than submissions of a day at the usual limit, 100 a minute."""
    bytes_max: int = 268_435_456
    """Sealed answers, in bytes."""


@dataclass(slots=True)
class Kept:
    """What is kept of one owner now."""

    keys: int
    """Keys."""
    size: int
    """Bytes of sealed answers."""

    def fills(self, allowance: Allowance) -> bool:
        """Return whether there is no room for another."""
        return self.keys >= allowance.keys_max or self.size >= allowance.bytes_max


@dataclass(frozen=True, slots=True)
class Request:
    """What identifies a request: the same key with another fingerprint is a mistake."""

    owner: str
    """Whose key it is: a client's id."""
    key_digest: Hash
    """Digest of the `Idempotency-Key`."""
    fingerprint: Hash
    """Digest of version, method, path, rights and body."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it is given again."""

    status: int
    """HTTP status, 200 to 299."""
    headers: tuple[tuple[str, str], ...]
    """Headers that belong to the answer and not to its sending."""
    body: bytes
    """The body."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is stored of a request."""

    fingerprint: Hash
    """See `Request`."""
    effect: str | None
    """Id of what the request made, written with it."""
    sealed_answer: bytes | None
    """The answer; None if the process died before it, or if it is not kept."""
    created_ms: TimestampMs
    """When the request came."""
