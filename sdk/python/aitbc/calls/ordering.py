"""What every order may ask for besides the job: a name of it, refusal, and patience."""

from collections.abc import Mapping

from aitbc.errors import InvalidValue
from aitbc.exchange import Request, Session, keyed
from aitbc.json_values import JsonValue

WAIT_S_MAX = 30
"""Longest that a node holds the answer to an order back."""


def ordering(
    session: Session,
    path: str,
    body: Mapping[str, JsonValue],
    *,
    idempotency_key: str | None,
    strict: bool,
    wait_s: int,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """Return the request that orders a job.

    Args:
        session: the client's.
        path: where it is ordered.
        body: the order.
        idempotency_key: name of the order; made by the client when None.
        strict: refuse what no registered miner could be given (``Prefer: handling=strict``).
        wait_s: seconds for which the node holds its answer back until the job ended
            (``Prefer: wait=N``).
        headers: further headers.

    Raises:
        InvalidValue: `wait_s` is longer than a node waits.
    """
    if not 0 <= wait_s <= WAIT_S_MAX:
        raise InvalidValue("wait_s", f"must be 0 to {WAIT_S_MAX}")
    wished = ["handling=strict"] if strict else []
    wished += [f"wait={wait_s}"] if wait_s else []
    prefer = {"Prefer": ", ".join(wished)} if wished else {}
    return Request(
        "POST",
        path,
        json=body,
        headers={**(headers or {}), **prefer, **keyed(idempotency_key)},
        timeout_s=session.timeout_s + wait_s if wait_s else None,
    )
