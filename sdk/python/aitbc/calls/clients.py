"""The caller itself: registration, its keys."""

from collections.abc import Sequence

from aitbc.answers import ApiKey, Caller, KeyUse, NewApiKey, RegisteredCaller
from aitbc.calls.jobs import Money, amount
from aitbc.calls.paging import PAGE_MAX
from aitbc.exchange import Flow, Query, Request, Session, ask, ask_nothing, ask_page, segment
from aitbc.json_values import Answer, JsonValue, read_object, typed_list


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
    version: str | None = None,
    budget: Money | None = None,
    budget_period: str = "total",
) -> Flow[NewApiKey]:
    """Make another key and return it with its text, which is shown this once.

    Args:
        session: the client's.
        label: what it is for.
        scopes: what it allows: ``client``, ``miner``, ``read``, ``wallet``, ``admin``; the first
            three when None.
        expires_at: when it ends, RFC 3339; never when None.
        version: API version of its requests that name none.
        budget: most AITBC that its jobs and transfers may cost in a period; what the own key may
            when None.
        budget_period: ``total``, ``day`` or ``month``.
    """
    body: dict[str, JsonValue] = {"label": label}
    if scopes is not None:
        body["scopes"] = list(scopes)
    if expires_at is not None:
        body["expires_at"] = expires_at
    if version is not None:
        body["version"] = version
    if budget is not None:
        body["budget"] = {"amount": amount(budget), "period": budget_period}
    return (yield from ask(session, Request("POST", "/v1/clients/me/keys", json=body), NewApiKey))


def list_keys(session: Session) -> Flow[list[ApiKey]]:
    """Return all of the caller's keys, page by page: those that work first."""
    found: list[ApiKey] = []
    query: Query | None = {"limit": PAGE_MAX}
    while query is not None:
        request = Request("GET", "/v1/clients/me/keys", params=query)
        body, query = yield from ask_page(session, request)
        found += typed_list(read_object(body, Answer)["keys"], ApiKey)
    return found


def rotate_key(session: Session, key_id: str, *, overlap_seconds: int = 86_400) -> Flow[NewApiKey]:
    """Make the successor of a key: same rights, end, budget and limits.

    Args:
        session: the client's.
        key_id: the key.
        overlap_seconds: how long the old key goes on working.
    """
    path = f"/v1/clients/me/keys/{segment(key_id)}/rotate"
    request = Request("POST", path, json={"overlap_seconds": overlap_seconds})
    return (yield from ask(session, request, NewApiKey))


def get_key_use(session: Session, key_id: str) -> Flow[KeyUse]:
    """Return what a key was used for, and where its budget stands."""
    request = Request("GET", f"/v1/clients/me/keys/{segment(key_id)}/usage")
    return (yield from ask(session, request, KeyUse))


def revoke_key(session: Session, key_id: str) -> Flow[None]:
    """Revoke a key."""
    yield from ask_nothing(session, Request("DELETE", f"/v1/clients/me/keys/{segment(key_id)}"))
