"""Leases: the miner's side of jobs.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

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

__all__ = [
    "Completion",
    "GiveUp",
    "HeartbeatReply",
    "Lease",
    "Offer",
    "Output",
    "PollReply",
    "Terms",
]
