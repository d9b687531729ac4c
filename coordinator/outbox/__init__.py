"""Signed transactions on their way to the chain (J30)."""

from coordinator.outbox.courier import Courier
from coordinator.outbox.model import OutboxState, Outgoing, SignedBytes
from coordinator.outbox.series import first_of, next_of
from coordinator.outbox.signer import Signer

__all__ = [
    "Courier",
    "OutboxState",
    "Outgoing",
    "SignedBytes",
    "Signer",
    "first_of",
    "next_of",
]
