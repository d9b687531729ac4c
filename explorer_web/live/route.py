"""The address at which open pages listen."""

from functools import partial
from typing import Final, TypeAlias

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from coordinator.http import exchange_of, remote_of
from explorer_web.live.hub import LiveHub
from explorer_web.site import KEEP_NOT, SECURITY_HEADERS, HtmlRequest

GivenHub: TypeAlias = NamedDependency[SkipValidation[LiveHub]]
"""Type of the parameter `hub` of the handler."""

_HEADERS: Final = {**SECURITY_HEADERS, "Cache-Control": KEEP_NOT}


@get("/live")
async def live(request: HtmlRequest, hub: GivenHub) -> Response[bytes]:
    """Agree to the upgrade to a WebSocket of this site's pages, as long as there is room."""
    exchange = exchange_of(request)
    if not exchange.is_upgrade:
        return _refused(426, "This address is for WebSockets.", {"Upgrade": "websocket"})
    if not _is_own(request):
        return _refused(403, "This socket is for this site's own pages.")
    if hub.is_full:
        return _refused(503, "Too many pages are open; ask again later.", {"Retry-After": "30"})
    remote = remote_of(request)
    if hub.is_full_for(remote):
        why = "Too many pages of this address are open; ask again later."
        return _refused(429, why, {"Retry-After": "30"})
    exchange.session = partial(hub.session, remote=remote)
    return Response(b"", status_code=101)


def _is_own(request: HtmlRequest) -> bool:
    """Return whether a page of this site asks; programs name no origin, and may listen too."""
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")


def _refused(status: int, why: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        why.encode(),
        status_code=status,
        media_type="text/plain",
        headers=_HEADERS | (headers or {}),
    )
