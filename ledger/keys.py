"""Ed25519 keys, addresses and signatures (libsodium through PyNaCl, T10)."""

import nacl.bindings
import nacl.exceptions

from ledger import bech32m
from ledger.errors import AddressInvalid, KeyInvalid
from ledger.hashing import sha256
from ledger.types import Address, PublicKey, Signature

ADDRESS_PREFIX = "ait"
ADDRESS_BYTES = 20
SEED_BYTES = 32


def check_public_key(public_key: bytes) -> None:
    """Check a key wherever one enters the state.

    Raises:
        KeyInvalid: not 32 bytes, not a canonical point, of small order, or outside the prime
            order group. Libraries differ on such keys, and a signature that one node accepts and
            another refuses splits the chain.
    """
    if len(public_key) != 32:
        raise KeyInvalid(f"public key must be 32 bytes, not {len(public_key)}")
    if not nacl.bindings.crypto_core_ed25519_is_valid_point(public_key):
        raise KeyInvalid("public key is not a point of the prime-order group")


def address_of(public_key: PublicKey) -> Address:
    """Return the address of a public key."""
    return sha256(public_key)[:ADDRESS_BYTES]


def format_address(address: Address) -> str:
    """Return the text form, ``ait1…``."""
    return bech32m.encode(ADDRESS_PREFIX, address)


def parse_address(text: str) -> Address:
    """Return the 20 bytes of an address text.

    Raises:
        AddressInvalid: see `bech32m.decode`; also a length other than 20 bytes.
    """
    data = bech32m.decode(ADDRESS_PREFIX, text)
    if len(data) != ADDRESS_BYTES:
        raise AddressInvalid(f"carries {len(data)} bytes instead of {ADDRESS_BYTES}")
    return data


def verify(public_key: PublicKey, message: bytes, signature: Signature) -> bool:
    """Return whether `signature` is one of `public_key` over `message`; never raises for data."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    try:
        nacl.bindings.crypto_sign_open(signature + message, public_key)
    except (nacl.exceptions.BadSignatureError, ValueError):
        return False
    return True


class KeyPair:
    """An Ed25519 signing key. Its text forms never show the secret."""

    __slots__ = ("_secret_key", "address", "public_key")

    def __init__(self, seed: bytes) -> None:
        """Derive the pair from a 32-byte secret seed, which the caller must have made random."""
        if len(seed) != SEED_BYTES:
            raise KeyInvalid(f"seed must be {SEED_BYTES} bytes, not {len(seed)}")
        self.public_key, self._secret_key = nacl.bindings.crypto_sign_seed_keypair(seed)
        self.address = address_of(self.public_key)

    def __repr__(self) -> str:
        """Show the address only."""
        return f"KeyPair({format_address(self.address)})"

    def __reduce__(self) -> str:
        """Refuse pickling: a secret must not travel by accident."""
        raise TypeError("a KeyPair is not picklable")

    def sign(self, message: bytes) -> Signature:
        """Return the 64-byte signature over `message`, which the signer must have built (T6)."""
        return nacl.bindings.crypto_sign(message, self._secret_key)[:64]

    def seed(self) -> bytes:
        """Return the secret seed, for encrypting it into a key file and for nothing else."""
        return self._secret_key[:SEED_BYTES]
