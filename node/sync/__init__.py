"""Catching up: final blocks by height, from any peers, verified before they count."""

from node.sync.planner import Planner, Progress
from node.sync.syncer import Syncer, SyncParts

__all__ = ["Planner", "Progress", "SyncParts", "Syncer"]
