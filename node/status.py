"""Where a node stands and what it waits for, for the operator: a node never stalls silently."""

from dataclasses import dataclass, field
from enum import StrEnum

from consensus import Awaited, Committee, Core, Waiting
from ledger.types import Epoch, Hash, Height, PublicKey, View


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
    waiting: Waiting
    """What the current view waits for."""


def status_of(
    committee: Committee, core: Core, final_height: Height, silent_because: str
) -> NodeStatus:
    """Return where an epoch's consensus stands."""
    return NodeStatus(
        epoch=committee.epoch,
        view=core.view,
        final_view=core.floor.view,
        final_height=final_height,
        leader=committee.leader_key(core.view),
        validators=committee.size,
        signs=core.may_sign,
        silent_because=silent_because,
        heard={committee.members[member]: view for member, view in core.heard.items()},
        waiting=core.waiting(),
    )


class WaitsFor(StrEnum):
    """What has to come before this node's final chain grows."""

    WORK = "work"
    """Nothing is to be ordered, and no heartbeat is due: the chain is quiet."""
    PEERS = "peers"
    """Too few peers are connected: of a quorum of validators, or for a follower, any."""
    BLOCKS = "blocks"
    """Final blocks that peers announce and this node has not executed: it is catching up."""
    NEWS = "news"
    """A follower waits for a peer to announce a final block."""
    NEXT_EPOCH = "next_epoch"
    """The next epoch is being opened."""
    CERTIFICATES = "certificates"
    """Certificates of views between, which were asked for."""
    PROPOSAL = "proposal"
    """The leader's proposal."""
    BLOCK = "block"
    """A block that was voted on, and is fetched or executed."""
    NOTARIZES = "notarizes"
    """Votes for the proposal."""
    NULLIFIES = "nullifies"
    """Votes to leave the view without a block."""
    CLOCK = "clock"
    """This node's clock, which is behind the chain's time by more than a vote may be (S5)."""


@dataclass(frozen=True, slots=True)
class ValidatorSighting:
    """What this node knows of one validator."""

    public_key: PublicKey
    """Its key."""
    name: str
    """Its name in the state."""
    is_self: bool
    """Whether it is this node."""
    is_connected: bool
    """Whether it is a peer now."""
    silent_ms: int
    """Since when nothing was heard of it; 0 for this node."""
    voted_view: View
    """Highest view of this epoch in which it was heard to vote."""
    final_height: Height
    """Final height that it announced last."""


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How far peers are ahead."""

    head: Height
    """Height of the own final chain, as executed."""
    target: Height
    """Highest height that a connected peer announces."""
    target_peer: PublicKey | None
    """Who announces it."""
    asked: int
    """Ranges of blocks that are asked for."""
    waiting: int
    """Ranges that came and are not executed yet."""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """Everything that an operator needs to see why a node does not go on."""

    consensus: NodeStatus
    """Views, votes, and what they wait for."""
    is_member: bool
    """Whether this node's key is in the current set."""
    waits_for: WaitsFor
    """What has to come next."""
    since_final_ms: int
    """Time since the newest final block became durable here, or since the start."""
    stalled_ms: int
    """How long the chain has been still for a reason that is not quiet; 0 while it is well."""
    clock_behind_ms: int
    """How far this node's clock is behind the time of the newest final block; 0 if it is not."""
    validators: tuple[ValidatorSighting, ...]
    """The current set, in its order."""
    peers: dict[str, int] = field(default_factory=dict)
    """Connected peers by role."""
    sync: SyncStatus | None = None
    """How far peers are ahead; None on a node without peers."""

    @property
    def missing_blocks(self) -> tuple[Hash, ...]:
        """Blocks that consensus asks for and that are not executed here."""
        return self.consensus.waiting.blocks

    def silent_validators(self, at_least_ms: int) -> list[ValidatorSighting]:
        """Return the others of which nothing was heard for so long."""
        return [
            each for each in self.validators if not each.is_self and each.silent_ms >= at_least_ms
        ]


AWAITED = {
    Awaited.NEXT_EPOCH: WaitsFor.NEXT_EPOCH,
    Awaited.WORK: WaitsFor.WORK,
    Awaited.CERTIFICATES: WaitsFor.CERTIFICATES,
    Awaited.PROPOSAL: WaitsFor.PROPOSAL,
    Awaited.BLOCK: WaitsFor.BLOCK,
    Awaited.NOTARIZES: WaitsFor.NOTARIZES,
    Awaited.NULLIFIES: WaitsFor.NULLIFIES,
}
"""What a member waits for, from what its consensus does."""
