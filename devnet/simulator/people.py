"""Who takes part: validators with keys, clients, a coordinator, a miner; the same in each run."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from consensus import SignatureCheck, Signer
from ledger import keys
from ledger.keys import KeyPair
from ledger.types import PublicKey, Signature

CLIENTS = 4
"""Clients with a balance."""


@cache
def key_of(name: str) -> KeyPair:
    """Return the key of somebody in the simulation, always the same."""
    return KeyPair(hashlib.sha256(b"simulator/" + name.encode()).digest())


def validator_key(number: int) -> KeyPair:
    """Return a validator's consensus key."""
    return key_of(f"validator-{number}")


def payout_key(number: int) -> KeyPair:
    """Return the key of the account that a validator's fees go to."""
    return key_of(f"payout-{number}")


@dataclass(frozen=True, slots=True)
class CheapSigner:
    """Signs votes by hashing: about a hundredth of the cost, and nobody in a simulation forges."""

    public_key: PublicKey
    """The member's real public key."""

    def sign(self, message: bytes) -> Signature:
        """Return what `check_cheaply` takes for the key's signature."""
        return hashlib.sha512(self.public_key + message).digest()


def check_cheaply(public_key: PublicKey, message: bytes, signature: Signature) -> bool:
    """Return whether a `CheapSigner` of this key made the signature."""
    return signature == hashlib.sha512(public_key + message).digest()


@dataclass(frozen=True, slots=True)
class NotedSigner:
    """Signs, and has everything noted that was signed."""

    inner: Signer
    """Signs."""
    note: Callable[[bytes], None]
    """Is told of each message."""

    @property
    def public_key(self) -> PublicKey:
        """The member's real public key."""
        return self.inner.public_key

    def sign(self, message: bytes) -> Signature:
        """Note and sign."""
        self.note(message)
        return self.inner.sign(message)


@dataclass(frozen=True, slots=True)
class Signing:
    """How votes are signed in a run: cheaply, or as they are outside."""

    is_real: bool
    """Ed25519 instead of hashes."""

    def signer(self, number: int) -> Signer:
        """Return what signs a validator's votes."""
        key = validator_key(number)
        return key if self.is_real else CheapSigner(key.public_key)

    @property
    def check(self) -> SignatureCheck:
        """Return what checks votes."""
        return keys.verify if self.is_real else check_cheaply
