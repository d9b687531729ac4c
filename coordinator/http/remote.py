"""Who asks, as far as limits for each address are concerned.

A node speaks plain HTTP; in public a proxy stands before it, and then every connection comes from
the proxy. Who is meant is decided here alone, once for each request and before anything else reads
it: whoever opened the connection, unless that is a proxy that the operator named. Only then is
`X-Forwarded-For` read, from its end, which the nearest proxy wrote. It is read backwards for as
long as proxies that are trusted wrote it; what a caller put before that is never reached.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from litestar.types import ASGIApp, Receive, Scope, Send

from coordinator.http.exchange import HttpRequest

UNKNOWN: Final = "unknown"
"""Stands for whoever asks without an address, such as through a socket of this machine."""

HOPS_MAX: Final = 8
"""Entries of `X-Forwarded-For` that are read, from its end; nobody chains more proxies."""

_ENTRY: Final = re.compile(
    rb"\[(?P<bracketed>[0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?"
    rb"|(?P<v4>[0-9.]{7,15})(?::[0-9]{1,5})?"
    rb"|(?P<v6>[0-9A-Fa-f:.]{2,45})"
)
"""The ways in which proxies write an address, with and without a port."""

_SECURE: Final = {"http": "https", "ws": "wss"}

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxies:
    """What stands before the node."""

    trusted: tuple[Network, ...] = ()
    """Networks of the proxies whose word about the caller counts; empty: nothing stands there."""
    public_url: str | None = None
    """Origin under which callers reach the node through them, such as ``https://aitbc.example``;
    None where the proxies pass the `Host` of the caller on."""


def through_proxies(app: ASGIApp, proxies: Proxies) -> ASGIApp:
    """Return the application as it is seen from the other side of its proxies.

    The address of a request is then the caller's, its `Host` and scheme those of the public URL.
    Requests that came through no trusted proxy are left as they are.

    Args:
        app: the application; it reads who asks with `remote_of`.
        proxies: what stands before it.
    """
    if not proxies.trusted:
        return app

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope = _as_sent(scope, proxies)
        await app(scope, receive, send)

    return served


def remote_of(request: HttpRequest) -> str:
    """Return what limits for each address count by; see `neighbourhood`."""
    return neighbourhood(request.client.host) if request.client else UNKNOWN


def neighbourhood(host: str) -> str:
    """Return an IPv4 address, or the /64 of an IPv6 address, all of which one host has."""
    address = _parsed(host.partition("%")[0])
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.IPv6Network((address, 64), strict=False))


def caller_of(peer: str, forwarded: Iterable[bytes], trusted: Iterable[Network]) -> str:
    """Return the address of whoever asks.

    Args:
        peer: who opened the connection.
        forwarded: values of all `X-Forwarded-For` headers, in their order.
        trusted: networks of proxies whose word counts.

    An entry that is no address ends the search: what a proxy could not name is counted as its own.
    """
    networks = tuple(trusted)
    address = _parsed(peer)
    if address is None or not _is_in(address, networks):
        return peer
    for entry in reversed(b",".join(forwarded).rsplit(b",", HOPS_MAX)[-HOPS_MAX:]):
        named = _named(entry)
        if named is None:
            break
        address = named
        if not _is_in(address, networks):
            break
    return str(address)


def _as_sent(scope: Scope, proxies: Proxies) -> Scope:
    """Return the scope of a request as its caller sent it."""
    peer = scope["client"]
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    if peer is None or not forwarded:
        return scope
    proxy = _parsed(peer[0])
    if proxy is None or not _is_in(proxy, proxies.trusted):
        return scope
    inner = cast("dict[str, object]", scope.copy())
    inner["client"] = (caller_of(peer[0], forwarded, proxies.trusted), 0)
    if proxies.public_url is not None:
        scheme, _, host = proxies.public_url.partition("://")
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        inner["headers"] = [(b"host", host.encode("ascii")), *others]
        if scheme == "https":
            inner["scheme"] = _SECURE.get(scope["scheme"], scope["scheme"])
    return cast("Scope", inner)


def _named(entry: bytes) -> Address | None:
    """Return the address that one entry of the header names, None if it names none."""
    match = _ENTRY.fullmatch(entry.strip(b" \t"))
    if match is None:
        return None
    return _parsed((match["bracketed"] or match["v4"] or match["v6"]).decode("ascii"))


def _parsed(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
