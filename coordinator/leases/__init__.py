"""Leases: the miner's side of jobs."""

from coordinator.leases.model import (
    Completion,
    GiveUp,
    HeartbeatReply,
    Lease,
    Offer,
    Output,
    PollReply,
    Terms,
)
from coordinator.leases.service import LeaseService

__all__ = [
    "Completion",
    "GiveUp",
    "HeartbeatReply",
    "Lease",
    "LeaseService",
    "Offer",
    "Output",
    "PollReply",
    "Terms",
]
