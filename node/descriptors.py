"""How many files and sockets the process may have open."""

import resource
from typing import Final

WANTED: Final = 65_536
"""Descriptors that are asked for: more than a node can use."""

SHARE_OF_HTTP: Final = 2
"""Connections of HTTP have at most this part of the descriptors, a half: the rest is for peers,
databases, the journal, and connections that are accepted to be refused."""


def raise_descriptor_limit() -> int:
    """Take as many descriptors as the system allows the process, and return how many.

    Systems set the limit of a process low, for programs of another kind, and allow it to be raised.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft == resource.RLIM_INFINITY or soft >= allowed:
        return WANTED if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def http_connections_max(wanted: int, descriptors: int) -> int:
    """Return how many connections HTTP may have: those wanted, or its share of the descriptors."""
    return min(wanted, descriptors // SHARE_OF_HTTP)
