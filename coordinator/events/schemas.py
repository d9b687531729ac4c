"""What the routes of events answer with."""

from coordinator.wire import TimeText, View


class Ticket(View, frozen=True, kw_only=True):
    """Stands for a key in the address of one stream (V4)."""

    ticket: str
    """Value of the parameter `ticket`; good for one stream."""
    expires_at: TimeText
    """Until when it has to be used."""
