"""Events for those who listen: what routes are given."""

from dataclasses import dataclass

from coordinator.database import Database
from coordinator.events.feed import JobFeed
from coordinator.events.hub import EventHub
from coordinator.events.live_keys import LiveKeys
from coordinator.events.places import Places, StreamLimits
from coordinator.events.texts import Texts
from coordinator.events.tickets import Tickets
from coordinator.moment import Clock, RandomBytes


@dataclass(frozen=True)
class EventParts:
    """What tells clients what happens, put together."""

    hub: EventHub
    """Passes recorded events on."""
    texts: Texts
    """Text of jobs under way."""
    feed: JobFeed
    """Follows jobs."""
    keys: LiveKeys
    """Looks keys up again."""
    tickets: Tickets
    """Stand for keys in a browser."""
    places: Places
    """Counts open streams."""
    clock: Clock
    """The time."""
    database: Database
    """Holds the log."""


def build_events(
    database: Database,
    *,
    clock: Clock,
    random_bytes: RandomBytes,
    limits: StreamLimits,
) -> EventParts:
    """Put the parts together."""
    hub, texts, keys = EventHub(database, clock), Texts(), LiveKeys(database, clock)
    return EventParts(
        hub=hub,
        texts=texts,
        feed=JobFeed(database, hub, texts),
        keys=keys,
        tickets=Tickets(clock, random_bytes, keys),
        places=Places(limits),
        clock=clock,
        database=database,
    )
