"""Events: what clients are told as it happens.

The types of the slice, and how a change records what it tells. Its parts stand on services that
record themselves, and are exported by `coordinator.services`.
"""

from coordinator.events.log import record
from coordinator.events.model import Event, EventKind, NewEvent, Seq

__all__ = ["Event", "EventKind", "NewEvent", "Seq", "record"]
