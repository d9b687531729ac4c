"""Ed25519 signing keys and addresses."""

import hashlib
import os

import nacl.bindings

from aitbc import bech32m
from aitbc.errors import InvalidValue


def address_of(public_key: bytes) -> bytes:
    """Return the 20-byte address of a 32-byte public key."""
    return hashlib.sha256(public_key).digest()[:20]


def format_address(address: bytes) -> str:
    """Return the text form of a 20-byte address, ``ait1…``."""
    return bech32m.encode("ait", address)


def parse_address(text: str) -> bytes:
    """Return the 20 bytes of an address text.

    Raises:
        InvalidValue: it is not an address.
    """
    return bech32m.decode("ait", text, 20)


class SigningKey:
    """An account's signing key. Its text forms never show the secret."""

    __slots__ = ("_secret_key", "address", "public_key")

    def __init__(self, seed: bytes) -> None:
        """Derive the key from a secret 32-byte seed."""
        if len(seed) != 32:
            raise InvalidValue("seed", f"must be 32 bytes, not {len(seed)}")
        self.public_key, self._secret_key = nacl.bindings.crypto_sign_seed_keypair(seed)
        self.address = address_of(self.public_key)

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new key from the operating system's randomness."""
        return cls(os.urandom(32))

    def __repr__(self) -> str:
        """Show the address only."""
        return f"SigningKey({format_address(self.address)})"

    def __reduce__(self) -> str:
        """Refuse pickling: a secret must not travel by accident."""
        raise TypeError("a SigningKey is not picklable")

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over a message that the caller built itself (T6)."""
        return nacl.bindings.crypto_sign(message, self._secret_key)[:64]

    def seed(self) -> bytes:
        """Return the secret seed, for a key file and for nothing else."""
        return self._secret_key[:32]
