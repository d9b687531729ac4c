"""Records of the state that only authorities' ballots and evidence change.

Part of `ledger.records`, which has the tables and keys.
"""

from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from ledger.motions import Motion
from ledger.params import Parameters
from ledger.types import Address, Epoch, Hash, PublicKey, TimestampMs


class _Record(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all records: an array of fields in order."""


class Validator(_Record, frozen=True):
    """A member of the validator set."""

    public_key: PublicKey
    """Consensus key; signs votes and nothing else (K5)."""
    name: str
    """Shown name, ``[a-z0-9-]{1,32}``."""
    payout: Address
    """Account that its blocks' fees go to; apart from the consensus key by design (K5)."""


class ValidatorSet(_Record, frozen=True):
    """The validators of the current epoch, in the order that leader rotation uses."""

    members: tuple[Validator, ...]
    """1 to 100, distinct keys."""


class Coordinator(_Record, frozen=True):
    """A coordinator that jobs may name (J15). Key: its address."""

    name: str
    """Shown name."""


class BallotVote(_Record, frozen=True):
    """What an authority last said on a ballot."""

    authority: PublicKey
    """Its consensus key."""
    support: bool
    """Whether it is for the motion."""
    changed: bool
    """Whether it has changed its mind, which it may do once: votes are free (T11)."""


class Ballot(_Record, frozen=True):
    """An open ballot (E6). Key: its id, that of the transaction that opened it (J27)."""

    opener: PublicKey
    """Authority that opened it; counts to its limit (T11)."""
    motion: Motion
    """What is asked."""
    due_ms: TimestampMs
    """Last block time at which it can pass; not rounded (see `due`)."""
    votes: tuple[BallotVote, ...]
    """Of members of the validator set, in ascending order of their keys."""


class SetChangeKind(IntEnum):
    """Why the validator set changes."""

    ADD = 1
    """A ballot added a validator."""
    REMOVE = 2
    """A ballot removed a validator."""
    EVICT = 3
    """Evidence removed a validator (E5)."""


class SetChange(_Record, frozen=True):
    """A change of the validator set that waits for an epoch's boundary."""

    kind: SetChangeKind
    """Why."""
    validator: Validator
    """Who comes, or goes."""
    cause: Hash
    """Id of the ballot, or of the transaction that submitted the evidence."""


class PendingChanges(_Record, frozen=True):
    """What waits for the epoch's boundary; absent when nothing does. A singleton."""

    set_changes: Annotated[tuple[SetChange, ...], Meta(max_length=400)]
    """Evictions first, then in the order of passing; a key stands here once (E2)."""
    parameters: Parameters | None
    """Parameters of the next epoch, None if they stay (E4, S13)."""


class Accusation(_Record, frozen=True):
    """Evidence that was accepted."""

    authority: PublicKey
    """Whose statements contradicted each other."""
    epoch: Epoch
    """Epoch of the statements."""


class EvidenceLog(_Record, frozen=True):
    """What decides whether evidence is new, and young enough (E5, T11). A singleton.

    The state holds no epochs' times. That epochs last at least `epoch_ms` bounds an epoch's age
    from below, as long as `epoch_ms` was what it is now; before that, the time of its change does.
    """

    floor_epoch: Epoch
    """Evidence of earlier epochs is refused, since what was accepted of them may be forgotten."""
    steady_epoch: Epoch
    """First epoch from which on `epoch_ms` is what it is now; 0 if it never changed."""
    steady_from_ms: TimestampMs
    """Block time at which that epoch began; 0 if it never changed."""
    accepted: Annotated[tuple[Accusation, ...], Meta(max_length=256)]
    """Evidence accepted of epochs from the floor on, oldest acceptance first."""
