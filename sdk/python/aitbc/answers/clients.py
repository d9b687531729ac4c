"""Clients, their keys and files.

Members that may be absent are declared with ``| None``.
"""

from aitbc.json_values import Answer


class Artifact(Answer):
    """A stored file."""

    artifact: str
    """Its name, ``sha256:…``."""
    size: int
    """Bytes."""
    expires_at: str
    """When it is deleted."""


class Caller(Answer):
    """Who calls, with its balance."""

    client_id: str
    """Its id."""
    label: str
    """What it calls itself."""
    address: str
    """Its wallet on the chain."""
    created_at: str
    """When it registered."""
    balance: str
    """AITBC in the wallet."""
    reserved: str
    """AITBC in escrow for live jobs."""


class RegisteredCaller(Caller):
    """A new client with its first key."""

    api_key: str
    """The key; shown this once."""
    key_id: str
    """Public part of the key."""
    scopes: list[str]
    """What the key allows."""


class ApiKey(Answer):
    """A key without its secret."""

    key_id: str
    """Its public part."""
    label: str
    """What it is for."""
    scopes: list[str]
    """What it allows."""
    created_at: str
    """When it was made."""
    expires_at: str | None
    """When it ends."""
    is_revoked: bool
    """Whether it was revoked."""
    version: str | None
    """API version of its requests that name none."""
    budget: dict[str, str] | None
    """What it may spend: ``amount`` and ``period``."""


class NewApiKey(ApiKey):
    """A new key with its text."""

    api_key: str
    """The key; shown this once."""


class KeyUse(Answer):
    """What a key was used for."""

    key_id: str
    """Its public part."""
    requests: int
    """Requests that it identified."""
    last_used_at: str | None
    """When it last did."""
    jobs: int
    """Jobs that it ordered."""
    paid: str
    """AITBC that those which ended cost, fees included."""
