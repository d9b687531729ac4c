"""Proof that a miner holds a key (T6): the signer builds what it signs, we check the signature."""

from collections import OrderedDict
from typing import Final

from coordinator.errors import ChallengeInvalid
from coordinator.miners.model import OwnKey
from coordinator.moment import RandomBytes
from ledger.codec import encode
from ledger.hashing import Purpose, Tags
from ledger.keys import verify
from ledger.types import Address, ChainId, PublicKey, TimestampMs

NONCE_BYTES: Final = 32

LIFETIME_MS: Final = 120_000
"""How long a challenge may be answered."""

OPEN_MAX: Final = 10_000
"""Challenges that are open at a time; the oldest give way."""


def challenge_message(tags: Tags, chain_id: ChainId, coordinator: Address, answer: OwnKey) -> bytes:
    """Return tag("challenge") ‖ MessagePack [chain id, coordinator, key, nonce, expiry]."""
    content = [chain_id, coordinator, answer.public_key, answer.nonce, answer.expires_at_ms]
    return tags[Purpose.CHALLENGE] + encode(content)


class Challenges:
    """Open challenges. They live in memory: after a restart a miner asks for another."""

    def __init__(
        self, chain_id: ChainId, tags: Tags, coordinator: Address, random_bytes: RandomBytes
    ) -> None:
        """Make challenges of one chain and coordinator."""
        self._chain_id = chain_id
        self._tags = tags
        self._coordinator = coordinator
        self._random_bytes = random_bytes
        self._open: OrderedDict[bytes, tuple[PublicKey, TimestampMs]] = OrderedDict()

    def make(self, public_key: PublicKey, now_ms: TimestampMs) -> tuple[bytes, TimestampMs]:
        """Return the nonce and the end of a new challenge for a key."""
        nonce = self._random_bytes(NONCE_BYTES)
        self._open[nonce] = (public_key, now_ms + LIFETIME_MS)
        while len(self._open) > OPEN_MAX:
            self._open.popitem(last=False)
        return nonce, now_ms + LIFETIME_MS

    def check(self, answer: OwnKey, now_ms: TimestampMs) -> None:
        """Check an answer; a challenge is good for one right answer.

        Raises:
            ChallengeInvalid: unknown or used, for another key, expired, or wrongly signed.
        """
        expected = self._open.get(answer.nonce)
        if expected != (answer.public_key, answer.expires_at_ms):
            raise ChallengeInvalid("The challenge is unknown or was used: ask for another")
        if now_ms > answer.expires_at_ms:
            del self._open[answer.nonce]
            raise ChallengeInvalid("The challenge has expired: ask for another")
        message = challenge_message(self._tags, self._chain_id, self._coordinator, answer)
        if not verify(answer.public_key, message, answer.signature):
            raise ChallengeInvalid("The signature does not prove possession of the key")
        del self._open[answer.nonce]
