"""Bodies that say what a node waits for: part of the chain's status."""

from collections.abc import Mapping

from msgspec import UNSET, UnsetType

from coordinator.wire import View
from node.coordinator_watch import CoordinatorWatch
from node.index_process import IndexProcess
from node.status import NodeReport, SyncStatus, ValidatorSighting


class SightedValidatorView(View, frozen=True):
    """A validator of the current set, as this node sees it."""

    name: str
    """Its name."""
    public_key: str
    """Its key, hex."""
    is_self: bool
    """Whether it is this node."""
    connected: bool
    """Whether it is connected to this node."""
    silent_ms: int
    """Since when nothing was heard of it."""
    voted_view: int
    """Highest view of this epoch in which it was heard to vote; 0 for none."""
    final_height: int
    """Final height that it announced last."""


class ConsensusView(View, frozen=True):
    """What the chain waits for, as this node sees it."""

    role: str
    """`validator` if this node's key is in the current set, else `follower`."""
    signs: bool
    """Whether this node votes."""
    epoch: int
    """Current epoch: that of the next block."""
    view: int
    """Current view."""
    leader: str
    """Key of the validator that proposes in it, hex."""
    waits_for: str
    """What has to come before the final chain grows: `work` (nothing is to be ordered), `peers`,
    `blocks`, `news`, `proposal`, `block`, `notarizes`, `nullifies`, `certificates`,
    `next_epoch` or `clock`."""
    since_final_ms: int
    """Time since the newest final block."""
    stalled_ms: int
    """How long the chain has been still although something is owed; 0 while it is well."""
    clock_behind_ms: int
    """How far this node's clock is behind the time of the newest final block; 0 if it is not."""
    votes: int
    """Votes of the awaited kind that are here."""
    quorum: int
    """Votes that are needed."""
    missing_certificates: list[int]
    """Views whose certificates are asked for."""
    missing_blocks: list[str]
    """Blocks that were voted on and are not executed here, hex."""
    validators: list[SightedValidatorView]
    """The current set."""
    silent_because: str | UnsetType = UNSET
    """Why a validator does not vote."""


class IndexView(View, frozen=True):
    """How far what lists and pages are read from is behind the final chain."""

    height: int
    """Height up to which they are complete; -1 before genesis."""
    lag_blocks: int
    """Final blocks that they lack."""
    lag_ms: int
    """How long the oldest of those has waited."""
    code: str | UnsetType = UNSET
    """Why the index stands still; left out while it does not."""
    detail: str | UnsetType = UNSET
    """The same for a person."""


class FailingWorkerView(View, frozen=True):
    """Background work of the coordinator that fails."""

    name: str
    """Which: `follower`, `courier`, `sweeper`, `webhooks`, `events`, or a chore's name."""
    failures: int
    """How often it failed since it last did something."""
    since_ms: int
    """When the first of these was, milliseconds since the Unix epoch."""
    error: str
    """Class of the last error; the node's log has its text."""


class CoordinatorView(View, frozen=True):
    """How the coordinator of this node follows the chain."""

    followed_height: int
    """Height whose effects its tables hold."""
    lag_blocks: int
    """Final blocks that they lack."""
    lag_ms: int
    """How long the oldest of those has waited."""
    failing: list[FailingWorkerView]
    """Background work that failed, and has done nothing since; empty while all is well."""


class SyncView(View, frozen=True):
    """How far the peers are ahead."""

    height: int
    """Height that this node has executed."""
    announced_height: int
    """Highest height that a connected peer announces."""
    ranges_asked: int
    """Ranges of blocks that are asked for."""
    ranges_waiting: int
    """Ranges that came and are not executed yet."""
    announced_by: str | UnsetType = UNSET
    """Key of the peer that announces it, hex."""


def consensus_view(report: NodeReport) -> ConsensusView:
    """Return what the chain waits for."""
    at, waiting = report.consensus, report.consensus.waiting
    return ConsensusView(
        role="validator" if report.is_member else "follower",
        signs=at.signs,
        epoch=at.epoch,
        view=at.view,
        leader=at.leader.hex(),
        waits_for=report.waits_for.value,
        since_final_ms=report.since_final_ms,
        stalled_ms=report.stalled_ms,
        clock_behind_ms=report.clock_behind_ms,
        votes=waiting.votes,
        quorum=waiting.quorum,
        missing_certificates=list(waiting.certificates),
        missing_blocks=[block_id.hex() for block_id in report.missing_blocks],
        validators=[_validator_view(each) for each in report.validators],
        silent_because=at.silent_because or UNSET,
    )


def index_view(index: IndexProcess) -> IndexView:
    """Return how far the index is."""
    return IndexView(
        height=index.height,
        lag_blocks=index.lag_blocks,
        lag_ms=index.lag_ms,
        code=index.fault or UNSET,
        detail=index.fault_detail or UNSET,
    )


def coordinator_view(watch: CoordinatorWatch | None) -> CoordinatorView | UnsetType:
    """Return how the coordinator does; nothing on a node without one."""
    if watch is None:
        return UNSET
    return CoordinatorView(
        followed_height=watch.followed_height,
        lag_blocks=watch.lag_blocks,
        lag_ms=watch.lag_ms,
        failing=[
            FailingWorkerView(each.name, each.failures, each.since_ms, each.error)
            for each in watch.failing
        ],
    )


def sync_view(sync: SyncStatus | None) -> SyncView | UnsetType:
    """Return how far the peers are ahead; nothing on a node without any."""
    if sync is None:
        return UNSET
    return SyncView(
        height=sync.head,
        announced_height=sync.target,
        ranges_asked=sync.asked,
        ranges_waiting=sync.waiting,
        announced_by=sync.target_peer.hex() if sync.target_peer else UNSET,
    )


def peers_view(report: NodeReport) -> Mapping[str, int]:
    """Return the connected peers by role."""
    return {"validators": 0, "followers": 0, **report.peers}


def _validator_view(sighting: ValidatorSighting) -> SightedValidatorView:
    return SightedValidatorView(
        name=sighting.name,
        public_key=sighting.public_key.hex(),
        is_self=sighting.is_self,
        connected=sighting.is_connected,
        silent_ms=sighting.silent_ms,
        voted_view=sighting.voted_view,
        final_height=sighting.final_height,
    )
