"""Follows final blocks into the coordinator's tables (K2)."""

from coordinator.follower.follower import Follower, followed_height

__all__ = ["Follower", "followed_height"]
