"""Miners, their capabilities, and registration."""

from dataclasses import dataclass, field

from coordinator.values import JsonValue
from ledger.actions import Custody
from ledger.types import Address, Amount, Hash, PublicKey, Signature, TimestampMs


@dataclass(frozen=True, slots=True)
class OwnKey:
    """Proof that a miner holds a key, and its signed registration (T6)."""

    public_key: PublicKey
    """The key."""
    nonce: bytes
    """32 bytes of the challenge."""
    expires_at_ms: TimestampMs
    """End of the challenge, as it was given."""
    signature: Signature
    """Over tag("challenge") ‖ MessagePack [chain id, coordinator, key, nonce, expires_at_ms]."""
    transaction: bytes
    """Canonical signed `register_miner`, or `update_miner` where the key is registered."""


@dataclass(frozen=True, slots=True)
class MinerRegistration:
    """What a miner declares. Its document's digest is on the chain."""

    name: str
    """``miner_id`` of the wire."""
    capabilities: tuple[str, ...]
    """Service ids, or model names, which mean ``llm_inference`` (S3)."""
    gpu_info: dict[str, JsonValue] | None = None
    """As the miner sent it; ``name`` and ``memory`` are matched."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Model asked for → model that runs instead (S3)."""
    price: Amount | None = None
    """Nait a job; None takes the service's default price (P2)."""
    price_text: str | None = None
    """`price` exactly as the miner wrote it; part of the capabilities document."""
    python: dict[str, JsonValue] | None = None
    """What it can run of Python programs, as it sent it; None leaves that open."""
    own_key: OwnKey | None = None
    """None asks for a managed key (M1)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a miner needs to build its challenge and its registration (T6)."""

    chain_id: str
    genesis_digest: bytes
    coordinator: Address
    nonce: bytes
    expires_at_ms: TimestampMs
    chain_time_ms: TimestampMs
    """Time of the newest final block; `valid_until_ms` derives from it (J26)."""
    fee_base: Amount
    fee_per_byte: Amount
    horizon_ms: int
    miner_bond_min: Amount
    registered_name: str | None
    """Name under which this key is registered on the chain; then `update_miner` is due."""


@dataclass(frozen=True, slots=True)
class MinerView:
    """A registered miner."""

    name: str
    """Shown name."""
    address: Address
    """Its address on the chain."""
    custody: Custody
    """Who holds its key."""
    capabilities: tuple[str, ...]
    """As declared."""
    services: frozenset[str]
    """Services that it takes jobs of."""
    models: frozenset[str]
    """Models that it runs; empty takes any."""
    aliases: dict[str, str]
    """Model asked for → model that runs."""
    gpu_info: dict[str, JsonValue] | None
    """As declared."""
    gpu_memory_mib: int
    """Memory of its GPU; 0 if none was declared."""
    python: dict[str, JsonValue] | None
    """What it can run of Python programs, as declared."""
    price: Amount | None
    """Nait a job, None for the service's default."""
    capabilities_digest: Hash
    """Digest on the chain."""
    is_active: bool
    """Whether the chain has it registered."""
    registered_ms: TimestampMs | None
    """Time of the block that registered it."""
    last_seen_ms: TimestampMs | None
    """Last call by it."""
    live_leases: int
    """Jobs that it holds now."""
    completed_jobs: int
    """Receipts of it that this coordinator saw."""
