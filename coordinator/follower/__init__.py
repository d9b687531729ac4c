"""Follows final blocks into the coordinator's tables (K2)."""

from coordinator.follower.follower import Follower, empty_derived, followed_height

__all__ = ["Follower", "empty_derived", "followed_height"]
