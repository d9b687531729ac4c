"""How many jobs a client may have open, without counting them for each order.

To count the jobs of a client takes a step for each job that it ever had. So they are counted once,
and what is stored since is added: a number that the open jobs do not exceed, whatever ends
meanwhile. They are counted again when that number reaches the limit.

It stays right because this process alone stores jobs of clients, and one thread of it. An ended job
is open again only while what is derived of the chain is forgotten and followed anew.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from coordinator.errors import TooManyRequests
from coordinator.jobs.store import count_live

KNOWN_MAX: Final = 10_000
"""Clients whose number is remembered; beyond them all are forgotten, and counted as they come."""

RETRY_S: Final = 5
"""When a client that is refused may ask again, in seconds."""


class OpenJobs:
    """Bounds the open jobs of each client. For the thread that writes."""

    def __init__(self, limit: int, count: Callable[[Connection, str], int] = count_live) -> None:
        """Allow each client `limit` open jobs, as `count` finds them in the tables."""
        self._limit = limit
        self._count = count
        self._at_most: dict[str, int] = {}

    def add(self, connection: Connection, client_id: str) -> None:
        """Make room for one more job, in the transaction that stores it.

        Raises:
            TooManyRequests: the client has as many open jobs as one may.
        """
        at_most = self._at_most.get(client_id, self._limit)
        if at_most >= self._limit:
            at_most = self._count(connection, client_id)
            if at_most >= self._limit:
                raise TooManyRequests(f"{self._limit} jobs are open: wait for some to end", RETRY_S)
            if len(self._at_most) >= KNOWN_MAX:
                self._at_most.clear()
        # Also where the transaction is undone: then the number is one too high, which is allowed.
        self._at_most[client_id] = at_most + 1
