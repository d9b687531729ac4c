"""Numbers about the network."""

from dataclasses import dataclass

from ledger.types import Height


@dataclass(frozen=True, slots=True)
class NetworkStats:
    """Counts that anybody may see."""

    total_jobs: int
    """Jobs whose escrow was ever locked on the chain."""
    active_miners: int
    """Miners that are registered on the chain."""
    total_receipts: int
    """Final receipts."""
    block_height: Height
    """Height of the newest final block."""
    as_of_height: Height
    """Height that the other numbers follow."""
