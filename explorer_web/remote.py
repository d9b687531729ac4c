"""Who asks, as far as limits for each address are concerned."""

import ipaddress
from typing import Final

from litestar import Request
from litestar.datastructures import State

UNKNOWN: Final = "unknown"
"""Stands for whoever asks without an address, such as through a socket of this machine."""


def remote_of(request: Request[object, object, State]) -> str:
    """Return what limits for each address count by; see `neighbourhood`."""
    return neighbourhood(request.client.host) if request.client else UNKNOWN


def neighbourhood(host: str) -> str:
    """Return an IPv4 address, or the /64 of an IPv6 address, all of which one host has."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))
