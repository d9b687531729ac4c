"""The sockets that the node listens on, bound before anything else is started."""

import errno
import socket
from collections.abc import Sequence
from typing import ClassVar

import structlog

from node.config import ListenAddress

BACKLOG = 256
"""Connections that may wait to be accepted. As many are accepted in one turn of the event loop,
before `node.http.connections` is asked whether there is room for them."""

UNREAD_MS_MAX = 120_000
"""How long a peer may leave unread, or unconfirmed, what was sent to it; then it is cut off."""

_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})

log = structlog.get_logger(__name__)


class AddressUnavailable(Exception):
    """An address cannot be listened on; the text says what to do."""

    code: ClassVar[str] = "ADDRESS_UNAVAILABLE"


class PortInUse(AddressUnavailable):
    """Another process listens there."""

    code = "PORT_IN_USE"

    def __init__(self, address: ListenAddress) -> None:
        """Name the address."""
        super().__init__(
            f"{address} is in use by another process: stop that process "
            f"(ss -ltnp 'sport = :{address.port}' shows it), or choose another port in http.listen"
        )
        self.address = address


def bind_all(addresses: Sequence[ListenAddress]) -> list[socket.socket]:
    """Return listening sockets for all addresses, or none: a half-reachable node helps nobody.

    A loopback address of IPv6 is left out, with a log line, on a host that has no IPv6.

    Raises:
        PortInUse: another process listens on one of them.
        AddressUnavailable: no interface has the address, the port needs rights, or none is left.
    """
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            try:
                sockets.append(_bind(address))
            except OSError as error:
                if not (_is_loopback_v6(address) and error.errno in _NO_IPV6):
                    raise _explained(address, error) from None
                log.warning("address_skipped", address=str(address), reason="host has no IPv6")
        if not sockets:
            raise AddressUnavailable("no address is left to listen on: add one to http.listen")
    except AddressUnavailable:
        close_all(sockets)
        raise
    return sockets


def close_all(sockets: Sequence[socket.socket]) -> None:
    """Close sockets that no server took over."""
    for bound in sockets:
        bound.close()


def bound_addresses(sockets: Sequence[socket.socket]) -> list[ListenAddress]:
    """Return where sockets really listen: a port 0 is now a number."""
    return [ListenAddress(*bound.getsockname()[:2]) for bound in sockets]


def _bind(address: ListenAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio switches Nagle's delay off only where the protocol is named: 40 ms an answer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Else [::] would also take the IPv4 port that another entry of the list names.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Connections inherit it. To close one whose peer does not read would wait for it.
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS_MAX)
        bound.bind((address.host, address.port))
        # Without listening at once, two nodes could bind one port and find out later.
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _is_loopback_v6(address: ListenAddress) -> bool:
    return address.is_loopback and ":" in address.host


def _explained(address: ListenAddress, error: OSError) -> AddressUnavailable:
    if error.errno == errno.EADDRINUSE:
        return PortInUse(address)
    if error.errno == errno.EACCES:
        return AddressUnavailable(f"{address}: ports below 1024 need rights, choose a higher one")
    return AddressUnavailable(f"{address} cannot be listened on: {error.strerror}")
