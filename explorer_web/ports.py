"""What the pages ask of the rest of the node.

The index answers about final blocks. What it cannot know (where the chain stands now, and what is
not final yet) comes from the node through `NodeReads`, which `node/app.py` implements. Its methods
are coroutines so that an explorer in its own process can ask over HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coordinator.ports import TransactionStatus
from ledger.block import Header
from ledger.records import Job, ValidatorSet
from ledger.store import IndexReader
from ledger.types import (
    Address,
    Amount,
    ChainId,
    DurationMs,
    Epoch,
    Hash,
    Height,
    PublicKey,
    TimestampMs,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the chain and this node stand at one moment."""

    chain_id: ChainId
    """Id of the chain."""
    genesis_digest: Hash
    """Digest of its genesis."""
    final_height: Height
    """Height of the newest final block."""
    final_ms: TimestampMs
    """Time of that block."""
    head_height: Height
    """Height of the newest block that the node executed, final or not."""
    validators: int
    """Validators of the epoch."""
    heartbeat_ms: int
    """Longest silence of a healthy chain."""
    now_ms: TimestampMs
    """The node's clock."""
    index_fault: str = ""
    """Code of the error that holds up the index; empty while nothing does."""
    target_height: Height = 0
    """Highest final height that a connected peer announces; 0 without peers."""
    online: int = 0
    """Validators that this node is, or is connected to."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a transaction is that the index does not have."""

    status: TransactionStatus
    """POOLED, INCLUDED, FINAL, UNKNOWN, or REJECTED if it was dropped from the pool."""
    code: str = ""
    """Why it was dropped: a stable code."""
    detail: str = ""
    """The same for a person."""


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """What an account has in the final state."""

    balance: Amount
    """Nait; 0 for an account that is not in the state."""
    height: Height
    """Height of the block after which it holds."""


@dataclass(frozen=True, slots=True)
class MemberStanding:
    """A validator of the final state, and how this node sees it."""

    public_key: PublicKey
    """Its consensus key."""
    name: str
    """Its name."""
    payout: Address
    """Account that its blocks' fees go to."""
    is_self: bool
    """Whether this node votes as it."""
    is_connected: bool
    """Whether this node is connected to it."""
    silent_ms: DurationMs | None
    """Since when nothing was heard of it; None for this node, and for who was never heard."""
    final_height: Height | None
    """Final height that it announced last; None if it announced none."""


@dataclass(frozen=True, slots=True)
class ValidatorsStanding:
    """The validator set of the final state."""

    height: Height
    """Height of the block after which it holds."""
    epoch: Epoch
    """Epoch of the next block."""
    quorum: int
    """Votes that make a block final."""
    set_hash: Hash
    """Its tagged hash; headers name it."""
    members: tuple[MemberStanding, ...]
    """The set, in the order of rotation."""
    waiting: tuple[str, ...]
    """Changes that wait for the epoch's end, in words."""
    protocol_version: int
    """Version of the protocol that is in force."""
    peer_version: int
    """Version that this node speaks with its peers."""


@dataclass(frozen=True, slots=True)
class BlockFinality:
    """How long a block took to become final, as this node saw it."""

    height: Height
    """Its height."""
    took_ms: DurationMs
    """From the block's time to the moment at which this node had it durably final."""


class NodeReads(Protocol):
    """The node as the pages see it."""

    async def standing(self) -> Standing:
        """Return where the chain stands."""

    async def whereabouts(self, transaction_id: Hash) -> Whereabouts:
        """Return where a transaction is."""

    async def block_status(self, block_id: Hash) -> Whereabouts:
        """Return where a block is: INCLUDED, FINAL or UNKNOWN."""

    async def live_job(self, job_id: Hash) -> Job | None:
        """Return a job of the final state; None once it has ended (J29)."""

    async def account(self, address: Address) -> AccountStanding:
        """Return what an account has, and at which height."""

    async def validators(self) -> ValidatorsStanding:
        """Return the validator set, and how this node sees its members."""

    def members_of(self, header: Header) -> ValidatorSet | None:
        """Return the validators that agreed on a final block; reads, so it is called in threads.

        Returns:
            None where the set is not known here, or not the one that the header names.
        """

    def finality(self) -> Sequence[BlockFinality]:
        """Return how long the newest final blocks took, oldest first."""


@dataclass(frozen=True, slots=True)
class ExplorerReads:
    """Everything that the pages read."""

    index: IndexReader
    """Final blocks; called in threads, never on the event loop."""
    node: NodeReads
    """What is not in the index."""
