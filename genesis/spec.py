"""What a genesis specification says, as values; `document.py` has its text form.

The digest of the whole is SHA-256 of canonical MessagePack bytes without the possession proofs
(S14). Validators stay in the order of the file, since leader rotation follows it; coordinators and
allocations are sets, so they are sorted, and the order in which they were written means nothing.
"""

from dataclasses import dataclass, field

from ledger.codec import encode
from ledger.hashing import GENESIS_POP_TAG, sha256
from ledger.keys import KeyPair, verify
from ledger.params import BUCKETS_DEFAULT, Parameters
from ledger.types import Address, Amount, Hash, PublicKey, Signature, TimestampMs

SPEC_VERSION = 1
"""Version of the specification's canonical form."""


@dataclass(frozen=True, slots=True)
class GenesisValidator:
    """An authority of the first epoch."""

    name: str
    """Shown name, ``[a-z0-9-]{1,32}``."""
    public_key: PublicKey
    """Consensus key."""
    payout: Address
    """Account that its blocks' fees go to; of another key (K5)."""
    possession_proof: Signature
    """See `possession_message`; not part of the digest."""


@dataclass(frozen=True, slots=True)
class GenesisCoordinator:
    """A coordinator that jobs may name from the first block on."""

    name: str
    """Shown name, ``[a-z0-9-]{1,32}``."""
    address: Address
    """Account that signs its actions."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """Units that an account owns from the first block on."""

    address: Address
    """The account."""
    amount: Amount
    """Nait; at least 1."""


@dataclass(frozen=True, slots=True)
class GenesisSpec:
    """Everything that decides a chain's first block. Not checked yet: see `checks.check_spec`."""

    name: str
    """Chain name, ``[a-z0-9-]{1,32}``; first part of the chain id (T4)."""
    timestamp_ms: TimestampMs
    """Time of block 0."""
    validators: tuple[GenesisValidator, ...]
    """First validator set, in the order of leader rotation."""
    coordinators: tuple[GenesisCoordinator, ...] = ()
    """First coordinators."""
    allocations: tuple[Allocation, ...] = ()
    """First balances; their sum is the genesis supply."""
    parameters: Parameters = field(default_factory=Parameters)
    """Parameters of the first epoch."""
    buckets: int = BUCKETS_DEFAULT
    """Buckets of the state tree."""


def canonical_bytes(spec: GenesisSpec) -> bytes:
    """Return the bytes whose SHA-256 is the genesis digest: everything but the proofs."""
    return encode(
        [
            SPEC_VERSION,
            spec.name,
            spec.timestamp_ms,
            spec.buckets,
            spec.parameters,
            [[v.name, v.public_key, v.payout] for v in spec.validators],
            sorted([c.address, c.name] for c in spec.coordinators),
            sorted([a.address, a.amount] for a in spec.allocations),
        ]
    )


def genesis_digest(spec: GenesisSpec) -> Hash:
    """Return the digest that tags, chain id and block 0 follow from (S14, T4)."""
    return sha256(canonical_bytes(spec))


def possession_message(public_key: PublicKey, chain_name: str) -> bytes:
    """Return what a possession proof signs: fixed tag, key, chain name (S14).

    The tag is fixed because the digest that other tags contain does not exist yet; the name keeps
    a proof from being carried into a chain that its owner never agreed to join.
    """
    return GENESIS_POP_TAG + public_key + chain_name.encode()


def prove_possession(key: KeyPair, chain_name: str) -> Signature:
    """Sign that this key's owner takes part in the chain of that name."""
    return key.sign(possession_message(key.public_key, chain_name))


def proves_possession(validator: GenesisValidator, chain_name: str) -> bool:
    """Return whether a validator's proof is its key's, for this chain name."""
    message = possession_message(validator.public_key, chain_name)
    return verify(validator.public_key, message, validator.possession_proof)
