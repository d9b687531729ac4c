"""Signatures of Standard Webhooks 1.0: v1, HMAC-SHA256 by a shared secret, and v1a, Ed25519.

Who has the secret can forge v1, so it proves a message to its receiver alone. v1a is checked with
a public key, and proves it to whoever the receiver shows it.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from nacl.signing import SigningKey
from standardwebhooks import Webhook as SharedSecret

from coordinator.moment import RandomBytes
from coordinator.wallets import Vault
from ledger.types import TimestampMs

SECRET_BYTES: Final = 32
"""Of the shared secret; the standard asks for 24 to 64."""

_SEED_BYTES: Final = 32


@dataclass(frozen=True, slots=True, repr=False)
class WebhookKeys:
    """What signs the messages of one webhook."""

    secret: bytes
    """Known to the coordinator and to the webhook's owner."""
    seed: bytes
    """Of the Ed25519 key; known to the coordinator alone."""

    @classmethod
    def new(cls, random_bytes: RandomBytes) -> Self:
        """Make keys."""
        return cls(random_bytes(SECRET_BYTES), random_bytes(_SEED_BYTES))

    @classmethod
    def open(cls, vault: Vault, sealed: bytes) -> Self:
        """Open sealed keys.

        Raises:
            SealBroken: another wrapping key sealed them.
        """
        both = vault.open_bytes(sealed)
        return cls(both[:SECRET_BYTES], both[SECRET_BYTES:])

    def seal(self, vault: Vault) -> bytes:
        """Return the keys as they are stored."""
        return vault.seal_bytes(self.secret + self.seed)

    @property
    def public_key(self) -> bytes:
        """The key that checks v1a signatures."""
        return bytes(SigningKey(self.seed).verify_key)

    def headers(self, message_id: str, now_ms: TimestampMs, body: str) -> dict[str, str]:
        """Return the headers of a message that is sent now."""
        now_s = now_ms // 1_000
        shared = SharedSecret(self.secret).sign(
            message_id, datetime.fromtimestamp(now_s, tz=UTC), body
        )
        signed = SigningKey(self.seed).sign(f"{message_id}.{now_s}.{body}".encode()).signature
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(now_s),
            "webhook-signature": f"{shared} v1a,{_base64(signed)}",
        }


def secret_text(secret: bytes) -> str:
    """Return a shared secret as the standard writes it."""
    return f"whsec_{_base64(secret)}"


def public_key_text(public_key: bytes) -> str:
    """Return a public key as the standard writes it."""
    return f"whpk_{_base64(public_key)}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
