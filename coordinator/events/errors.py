"""Errors of event streams, one class per rule; they join the tree of `coordinator.errors`.

CoordinatorError ── UpgradeRequired      a WebSocket's path, asked for by plain HTTP (426)
InvalidApiKey ── TicketInvalid           V4: unknown, used or late
TooManyRequests
├── TooManyStreams                       more open streams than one key or address may have
└── TooManyTickets                       more unused tickets than one key may have
"""

from coordinator.errors import InvalidApiKey, TooManyRequests


class TicketInvalid(InvalidApiKey):
    """The ticket is unknown, was used, or is late; which of these is not told (V4)."""

    def __init__(self) -> None:
        """State what to do."""
        super().__init__("The ticket is not valid: get a new one at POST /v1/tickets")


class TooManyStreams(TooManyRequests):
    """As many streams are open as may be."""

    code = "TOO_MANY_STREAMS"

    def __init__(self, limit: int, of: str) -> None:
        """State the limit.

        Args:
            limit: open streams at a time.
            of: whose limit it is.
        """
        super().__init__(f"{limit} streams are open, as many as {of} may have: close one", 5)


class TooManyTickets(TooManyRequests):
    """As many tickets wait to be used as may."""

    code = "TOO_MANY_TICKETS"

    def __init__(self, limit: int) -> None:
        """State the limit."""
        super().__init__(f"{limit} tickets wait to be used: use them, or wait until they end", 60)
