"""Who calls, and what they may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from coordinator.values import ApiVersion
from ledger.types import Address, Amount, TimestampMs


class Scope(StrEnum):
    """A right of an API key."""

    CLIENT = "client"
    """Create, cancel and read its own jobs."""
    MINER = "miner"
    """Register and operate its own miners."""
    READ = "read"
    """Read its own jobs."""
    WALLET = "wallet"
    """Send units of its wallets to others (K3)."""
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
    expires_ms: TimestampMs | None = None
    """When the key ends; None for never."""
    budget_id: str | None = None
    """The key's budget; None without one."""
    quotas: Mapping[str, int] = field(default_factory=dict)
    """Requests a minute by policy, where they are not the node's (L1)."""


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


class BudgetPeriod(StrEnum):
    """What a budget is for."""

    TOTAL = "total"
    """All jobs that were ever ordered with it."""
    DAY = "day"
    """The jobs of each day, UTC."""
    MONTH = "month"
    """The jobs of each month, UTC."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a key may spend, and the keys that follow it by rotation."""

    amount: Amount
    """Nait that its jobs and transfers may cost with their fees, in each period."""
    period: BudgetPeriod
    """How long that has to last."""


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
    budget: Budget | None = None
    """What it may spend; None for whatever the wallet holds."""
    budget_id: str | None = None
    """Which budget that is; keys that were rotated share one."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key. The text is shown once and not stored."""

    text: str
    """What goes into ``X-Api-Key``."""
    key: KeyView
    """What is known about it afterwards."""


@dataclass(frozen=True, slots=True)
class KeySpend:
    """What the jobs and transfers of a key, or of a budget, cost."""

    jobs: int
    """Jobs that were ordered, but for those that the chain never took."""
    paid: Amount
    """Nait that ended jobs cost and final transfers sent, fees included."""
    committed: Amount
    """Nait that open jobs may cost yet, and transfers that are not final, fees included."""


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """Where a budget stands in its period."""

    budget: Budget
    """The budget."""
    spend: KeySpend
    """What was ordered in this period, by all keys that share the budget."""
    resets_ms: TimestampMs | None
    """When the next period begins; None for a total."""

    @property
    def left(self) -> Amount:
        """Nait that a further job may cost with its fee."""
        return max(0, self.budget.amount - self.spend.paid - self.spend.committed)


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """What a key was used for."""

    key: KeyView
    """The key."""
    requests: int
    """Requests that it identified."""
    last_used_ms: TimestampMs | None
    """When it last did; None for never."""
    spend: KeySpend
    """What its own jobs cost since it was made."""
    standing: BudgetStanding | None
    """Where its budget stands; None without one."""
