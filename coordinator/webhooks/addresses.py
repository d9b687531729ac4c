"""Which addresses messages may be sent to: public ones, so that nobody reaches into our network.

A URL is its owner's word. What it resolves to is asked when a message is sent, every address of
the answer is judged, and the connection goes to an address that was judged: a name that changes
its mind in between changes nothing.
"""

import ipaddress
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All that IPv6 assigns to the public; what is outside is local, multicast, mapped, or NAT64."""

_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays of 6to4
        "2001::/23",  # protocol assignments, with Teredo, which embeds IPv4
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds IPv4
        "3fff::/20",  # documentation
    )
)
"""Ranges that older tables of the language's library still call public."""


def may_be_sent_to(text: str, *, with_loopback: bool) -> bool:
    """Return whether an address is one that messages may be sent to.

    Refused are private, shared, loopback, link-local, multicast, reserved and documentation
    addresses, those with a zone, and all that stand for an IPv4 address inside IPv6: mapped,
    compatible, NAT64, 6to4, Teredo.

    Args:
        text: a numeric address.
        with_loopback: whether this machine's own addresses are taken too, as on a devnet.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    if address.is_loopback:
        return with_loopback
    return _is_public(address)


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _NOT_PUBLIC)
