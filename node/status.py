"""Where consensus stands, for the operator."""

from dataclasses import dataclass

from ledger.types import Epoch, Height, PublicKey, View


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A snapshot of a node's consensus."""

    epoch: Epoch
    """Current epoch."""
    view: View
    """Current view."""
    final_view: View
    """View of the newest final block, 0 at the epoch's start."""
    final_height: Height
    """Height of the newest durable final block."""
    leader: PublicKey
    """Who proposes in the current view."""
    validators: int
    """Size of the set."""
    signs: bool
    """Whether this node votes."""
    silent_because: str
    """Why a validator does not vote; empty otherwise."""
    heard: dict[PublicKey, View]
    """Highest view in which each other validator was heard."""
