"""Types on the wire of clients and their keys."""

from typing import Annotated

import msgspec
from msgspec import Meta

from coordinator.clients.key_ring import OVERLAP_S_DEFAULT, OVERLAP_S_MAX
from coordinator.clients.model import (
    Budget,
    BudgetPeriod,
    BudgetStanding,
    ClientView,
    IssuedKey,
    KeyUsage,
    KeyView,
    Scope,
)
from coordinator.http.money import format_text
from coordinator.http.times import format_time
from coordinator.values import ApiVersion
from coordinator.wire import WITHOUT_NUL, Body, MoneyInput, MoneyText, TimeText, View
from ledger.keys import format_address

Label = Annotated[str, Meta(max_length=100, pattern=WITHOUT_NUL)]
"""What a client calls itself or a key."""


class ClientRegistration(Body, kw_only=True, frozen=True):
    """A new client."""

    label: Label = ""
    """What it calls itself."""


class BudgetRequest(Body, kw_only=True, frozen=True):
    """What a key may spend."""

    amount: MoneyInput
    """AITBC that its jobs and transfers may cost with their fees, in each period."""
    period: BudgetPeriod = BudgetPeriod.TOTAL
    """Whether that is for all jobs, or for those of each day or month, UTC."""


class KeyRequest(Body, kw_only=True, frozen=True):
    """Another key."""

    label: Label = ""
    """What it is for."""
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=len(Scope))] = msgspec.field(
        default_factory=lambda: [Scope.CLIENT, Scope.MINER, Scope.READ]
    )
    """What it allows; at most what the caller's own key allows."""
    expires_at: TimeText | None = None
    """When it ends; never if absent."""
    version: ApiVersion | None = None
    """API version of its requests that name none; inferred for each if absent."""
    budget: BudgetRequest | None = None
    """What it may spend; whatever the caller's own key may if absent."""


class RotationRequest(Body, kw_only=True, frozen=True):
    """The successor of a key."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S_DEFAULT
    """How long the old key goes on working."""


class KeyBudget(View, kw_only=True, frozen=True):
    """What a key may spend."""

    amount: MoneyText
    """AITBC in each period."""
    period: BudgetPeriod
    """Whether that is for all jobs, or for those of each day or month, UTC."""


class ApiKey(View, kw_only=True, frozen=True):
    """A key without its secret."""

    key_id: str
    """Its public part."""
    label: str
    """What it is for."""
    scopes: list[Scope]
    """What it allows."""
    created_at: TimeText
    """When it was made."""
    expires_at: TimeText | None
    """When it ends; null for never."""
    is_revoked: bool
    """Whether it was revoked."""
    version: ApiVersion | None
    """API version of its requests that name none; null where it is inferred for each."""
    budget: KeyBudget | None
    """What it may spend; null for whatever the wallet holds."""


class NewApiKey(ApiKey, kw_only=True, frozen=True):
    """A new key. Its text is shown this once and not stored."""

    api_key: str
    """What goes into the header `X-Api-Key`."""


class ApiKeyList(View, kw_only=True, frozen=True):
    """Keys of the caller, those that work first."""

    keys: list[ApiKey]
    """The keys."""


class BudgetUse(KeyBudget, kw_only=True, frozen=True):
    """Where a budget stands in its period."""

    jobs: int
    """Jobs of the period, of all keys that share the budget."""
    paid: MoneyText
    """AITBC that those which ended cost and transfers sent, fees included."""
    committed: MoneyText
    """AITBC that open jobs may cost yet, and transfers that are not final, fees included."""
    left: MoneyText
    """AITBC that a further job or transfer may cost with its fee."""
    resets_at: TimeText | None
    """When the next period begins; null for a total."""


class KeyUse(View, kw_only=True, frozen=True):
    """What a key was used for."""

    key_id: str
    """Its public part."""
    requests: int
    """Requests that it identified."""
    last_used_at: TimeText | None
    """When it last did; null for never."""
    jobs: int
    """Jobs that it ordered."""
    paid: MoneyText
    """AITBC that those which ended cost and its transfers sent, fees included."""
    committed: MoneyText
    """AITBC that open jobs may cost yet, and transfers that are not final, fees included."""
    budget: BudgetUse | None
    """Where its budget stands; null without one."""


class Client(View, kw_only=True, frozen=True):
    """The caller."""

    client_id: str
    """Its id."""
    label: str
    """What it calls itself."""
    address: str
    """Its wallet on the chain."""
    created_at: TimeText
    """When it registered."""
    balance: MoneyText
    """AITBC in the wallet, in the final state."""
    reserved: MoneyText
    """AITBC in escrow for its live jobs."""


class RegisteredClient(Client, kw_only=True, frozen=True):
    """A new client with its first key."""

    api_key: str
    """What goes into the header `X-Api-Key`; shown this once and not stored."""
    key_id: str
    """Public part of the key."""
    scopes: list[Scope]
    """What the key allows."""


def client_view(client: ClientView) -> Client:
    """Return a client."""
    return Client(
        client_id=client.client_id,
        label=client.label,
        address=format_address(client.address),
        created_at=format_time(client.created_ms),
        balance=format_text(client.balance),
        reserved=format_text(client.reserved),
    )


def registered_view(client: ClientView, issued: IssuedKey) -> RegisteredClient:
    """Return a new client with its key."""
    return RegisteredClient(
        **msgspec.structs.asdict(client_view(client)),
        api_key=issued.text,
        key_id=issued.key.key_id,
        scopes=sorted(issued.key.scopes),
    )


def key_view(key: KeyView) -> ApiKey:
    """Return a key."""
    return ApiKey(
        key_id=key.key_id,
        label=key.label,
        scopes=sorted(key.scopes),
        created_at=format_time(key.created_ms),
        expires_at=None if key.expires_ms is None else format_time(key.expires_ms),
        is_revoked=key.is_revoked,
        version=key.version_pin,
        budget=None if key.budget is None else _budget_view(key.budget),
    )


def _budget_view(budget: Budget) -> KeyBudget:
    return KeyBudget(amount=format_text(budget.amount), period=budget.period)


def new_key_view(issued: IssuedKey) -> NewApiKey:
    """Return a new key with its text."""
    return NewApiKey(**msgspec.structs.asdict(key_view(issued.key)), api_key=issued.text)


def key_use_view(usage: KeyUsage) -> KeyUse:
    """Return what a key was used for."""
    return KeyUse(
        key_id=usage.key.key_id,
        requests=usage.requests,
        last_used_at=None if usage.last_used_ms is None else format_time(usage.last_used_ms),
        jobs=usage.spend.jobs,
        paid=format_text(usage.spend.paid),
        committed=format_text(usage.spend.committed),
        budget=None if usage.standing is None else _budget_use(usage.standing),
    )


def _budget_use(standing: BudgetStanding) -> BudgetUse:
    spend, resets_ms = standing.spend, standing.resets_ms
    return BudgetUse(
        **msgspec.structs.asdict(_budget_view(standing.budget)),
        jobs=spend.jobs,
        paid=format_text(spend.paid),
        committed=format_text(spend.committed),
        left=format_text(standing.left),
        resets_at=None if resets_ms is None else format_time(resets_ms),
    )
