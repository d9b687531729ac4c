"""Who calls, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from coordinator.values import ApiVersion
from ledger.types import Address, TimestampMs


class Scope(StrEnum):
    """A right of an API key."""

    CLIENT = "client"
    """Create, cancel and read its own jobs."""
    MINER = "miner"
    """Register and operate its own miners."""
    READ = "read"
    """Read its own jobs."""
    ADMIN = "admin"
    """Operate the coordinator."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The identified caller of a request."""

    client_id: str
    """The client, ``client_`` + hex: owner of keys, jobs, miners and a wallet."""
    scopes: frozenset[Scope]
    """What the key allows."""
    key_id: str
    """Public part of the key; rate limits are counted by it. ``demo`` without a key (A2)."""
    version_pin: ApiVersion | None = None
    """The key's API version; none by default (V1)."""
    is_demo: bool = False
    """Whether this is the devnet's demo identity."""


@dataclass(frozen=True, slots=True)
class ClientView:
    """A client as it sees itself."""

    client_id: str
    """Its id."""
    label: str
    """Name that it gave itself."""
    address: Address
    """Its managed wallet."""
    created_ms: TimestampMs
    """When it registered."""
    balance: int
    """Final balance of the wallet, in nait."""
    reserved: int
    """Nait in escrow for its live jobs."""


@dataclass(frozen=True, slots=True)
class KeyView:
    """An API key without its secret."""

    key_id: str
    """Public part."""
    label: str
    """What the client calls it."""
    scopes: frozenset[Scope]
    """What it allows."""
    created_ms: TimestampMs
    """When it was made."""
    expires_ms: TimestampMs | None
    """When it ends; None for never."""
    is_revoked: bool
    """Whether it was revoked."""
    version_pin: ApiVersion | None = None
    """API version that it asks for where a request names none (V1)."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key. The text is shown once and not stored."""

    text: str
    """What goes into ``X-Api-Key``."""
    key: KeyView
    """What is known about it afterwards."""
