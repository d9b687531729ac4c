"""Who listens."""

from dataclasses import dataclass

from coordinator.clients.model import Principal
from coordinator.events.model import Seq
from coordinator.values import ApiVersion


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens, and in which words."""

    principal: Principal
    """The caller."""
    version: ApiVersion
    """The version that it is told in."""
    since: Seq | None
    """The last event that it knows; None for a new listener."""
