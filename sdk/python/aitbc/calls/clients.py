"""The caller itself: registration, its keys."""

from collections.abc import Sequence

from aitbc.answers import ApiKey, Caller, NewApiKey, RegisteredCaller
from aitbc.exchange import Flow, Request, Session, ask, ask_nothing, segment
from aitbc.json_values import Answer, JsonValue, typed_list


def register(session: Session, label: str = "") -> Flow[RegisteredCaller]:
    """Register as a client and return its first key, which is shown this once."""
    request = Request("POST", "/v1/clients", json={"label": label})
    return (yield from ask(session, request, RegisteredCaller))


def me(session: Session) -> Flow[Caller]:
    """Return the caller, with its balance."""
    return (yield from ask(session, Request("GET", "/v1/clients/me"), Caller))


def create_key(
    session: Session,
    *,
    label: str = "",
    scopes: Sequence[str] | None = None,
    expires_at: str | None = None,
) -> Flow[NewApiKey]:
    """Make another key and return it with its text, which is shown this once.

    Args:
        session: the client's.
        label: what it is for.
        scopes: what it allows: ``client``, ``miner``, ``read``, ``admin``; all but admin when None.
        expires_at: when it ends, RFC 3339; never when None.
    """
    body: dict[str, JsonValue] = {"label": label}
    if scopes is not None:
        body["scopes"] = list(scopes)
    if expires_at is not None:
        body["expires_at"] = expires_at
    return (yield from ask(session, Request("POST", "/v1/clients/me/keys", json=body), NewApiKey))


def list_keys(session: Session) -> Flow[list[ApiKey]]:
    """Return the caller's keys, newest first."""
    page = yield from ask(session, Request("GET", "/v1/clients/me/keys"), Answer)
    return typed_list(page["keys"], ApiKey)


def revoke_key(session: Session, key_id: str) -> Flow[None]:
    """Revoke a key."""
    yield from ask_nothing(session, Request("DELETE", f"/v1/clients/me/keys/{segment(key_id)}"))
