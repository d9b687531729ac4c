"""Who calls (A1, A2): the key in a header, and the pages that may use a devnet without one.

On a devnet a request without a key acts as the demo identity, and so do the literal keys of the
documents. Any page that a developer visits can send requests to loopback; what tells them apart
is the Host that they were sent to and the Origin that browsers add.
"""

import re
from collections.abc import Collection, Sequence

from coordinator.http.exchange import HttpRequest
from coordinator.http.faults import KeysDiffer, OriginRefused

_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)

_LOOPBACK = re.compile(
    r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE
)

LOOPBACK_ORIGIN = r"https?://(?:localhost|127\.[0-9.]+|\[::1\])(?::[0-9]{1,5})?"
"""Pattern of the origins of this machine's own pages."""


def presented_key(api_keys: Sequence[str], authorizations: Sequence[str]) -> str | None:
    """Return the key that a request carries (A1), None if it carries none.

    Args:
        api_keys: values of all `X-Api-Key` headers.
        authorizations: values of all `Authorization` headers; only Bearer is a key.

    Raises:
        KeysDiffer: more than one key.
    """
    keys = {key.strip() for key in api_keys}
    for value in authorizations:
        if match := _BEARER.fullmatch(value.strip()):
            keys.add(match[1])
    keys.discard("")
    if len(keys) > 1:
        raise KeysDiffer
    return keys.pop() if keys else None


def check_origin(host: str, origin: str | None, allowed_origins: Collection[str]) -> None:
    """Check that a request of the demo identity does not come from a foreign web page (A2).

    Args:
        host: the `Host` header. A page that made its own name point to loopback shows here.
        origin: the `Origin` header; programs send none.
        allowed_origins: origins that may, besides loopback.

    Raises:
        OriginRefused: the host is not this machine, or the page's origin is foreign.
    """
    if not _LOOPBACK.fullmatch(host):
        raise OriginRefused(
            "without a key of its own a request must be sent to localhost or 127.0.0.1, "
            f"not to {host[:80]!r}"
        )
    if origin is None or origin in allowed_origins:
        return
    if not re.fullmatch(LOOPBACK_ORIGIN, origin, re.ASCII | re.IGNORECASE):
        raise OriginRefused(f"a page of {origin[:80]!r} may not act as the demo identity")


def key_of(request: HttpRequest) -> str | None:
    """Return the key that a request carries; see `presented_key`."""
    headers = request.headers
    return presented_key(
        headers.getall("x-api-key", []),
        headers.getall("authorization", []),
    )
