"""What authorities decide by ballot: one wire type per kind, numbered in a closed table (E6).

The number is the first element of the motion's array. `ledger.ballots` opens, tallies and closes
ballots; `ledger.decisions` says when a motion can be carried out and what that does.
"""

from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from ledger.codec import encode
from ledger.hashing import Purpose, Tags
from ledger.keys import KeyPair
from ledger.types import Address, Amount, Hash, PublicKey, Signature

AuthorityName = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\A[a-z0-9-]+\Z")]
"""Shown name of a validator or coordinator."""

ParameterName = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\A[a-z_]+\Z")]
"""Name of a parameter, a field of `Parameters`."""


class MotionKind(IntEnum):
    """The kinds of motions, by the first element of their arrays."""

    ADD_AUTHORITY = 1
    REMOVE_AUTHORITY = 2
    ADD_COORDINATOR = 3
    REMOVE_COORDINATOR = 4
    SET_PARAMETER = 5
    SET_PROTOCOL_VERSION = 6
    RESOLVE_DISPUTE = 7
    ISSUE_UNITS = 8


class _Motion(
    msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True, tag=0
):
    """Base of all motions: encoded as [number, fields in order]."""


class AddAuthority(_Motion, frozen=True, tag=int(MotionKind.ADD_AUTHORITY)):
    """Make a key a validator, at an epoch's boundary (E2)."""

    public_key: PublicKey
    """Consensus key; signs votes of consensus and ballots, and nothing else (K5)."""
    name: AuthorityName
    """Shown name; no other validator's."""
    payout: Address
    """Account that its blocks' fees go to; of another key."""
    possession_proof: Signature
    """The key's own, see `possession_message`; a key that nobody holds would cost a quorum."""


class RemoveAuthority(_Motion, frozen=True, tag=int(MotionKind.REMOVE_AUTHORITY)):
    """Take a validator out of the set, at an epoch's boundary (E2)."""

    public_key: PublicKey
    """Consensus key."""


class AddCoordinator(_Motion, frozen=True, tag=int(MotionKind.ADD_COORDINATOR)):
    """Let jobs name a coordinator, at once."""

    address: Address
    """Account that signs its actions."""
    name: AuthorityName
    """Shown name."""


class RemoveCoordinator(_Motion, frozen=True, tag=int(MotionKind.REMOVE_COORDINATOR)):
    """Refuse a coordinator from now on; its jobs end by cancel, expiry or window (J15)."""

    address: Address
    """Its account."""


class SetParameter(_Motion, frozen=True, tag=int(MotionKind.SET_PARAMETER)):
    """Change one parameter, from the next epoch's first block on (E4)."""

    name: ParameterName
    """Which; any but `protocol_version`, which has a motion of its own."""
    value: Amount
    """New value, within `PARAMETER_BOUNDS` and in agreement with the other parameters."""


class SetProtocolVersion(_Motion, frozen=True, tag=int(MotionKind.SET_PROTOCOL_VERSION)):
    """Put newer rules in force, from the next epoch's first block on (S13)."""

    version: Annotated[int, Meta(ge=1, le=65_535)]
    """Above the version in force."""


class ResolveDispute(_Motion, frozen=True, tag=int(MotionKind.RESOLVE_DISPUTE)):
    """Rule on a disputed job, at once (J3, J13)."""

    job_id: Hash
    """The job."""
    for_miner: bool
    """Whether the miner is paid; else the client is refunded."""


class IssueUnits(_Motion, frozen=True, tag=int(MotionKind.ISSUE_UNITS)):
    """Make new units, at once: how a consortium grants its members balance."""

    to: Address
    """Account that gets them."""
    amount: Amount
    """Nait; at least 1, and at most what keeps the supply within its limit (S8)."""


Motion = (
    AddAuthority
    | RemoveAuthority
    | AddCoordinator
    | RemoveCoordinator
    | SetParameter
    | SetProtocolVersion
    | ResolveDispute
    | IssueUnits
)
"""Any motion."""

MOTION_KINDS: dict[type[_Motion], MotionKind] = {
    AddAuthority: MotionKind.ADD_AUTHORITY,
    RemoveAuthority: MotionKind.REMOVE_AUTHORITY,
    AddCoordinator: MotionKind.ADD_COORDINATOR,
    RemoveCoordinator: MotionKind.REMOVE_COORDINATOR,
    SetParameter: MotionKind.SET_PARAMETER,
    SetProtocolVersion: MotionKind.SET_PROTOCOL_VERSION,
    ResolveDispute: MotionKind.RESOLVE_DISPUTE,
    IssueUnits: MotionKind.ISSUE_UNITS,
}
"""The number of each motion's type."""


def possession_message(
    tags: Tags, public_key: PublicKey, name: AuthorityName, payout: Address
) -> bytes:
    """Return what a new authority's possession proof signs: chain, key, name, payout account.

    The tag holds the genesis digest, so that a proof cannot be carried into a chain that its owner
    never agreed to join; name and payout are in it so that nobody can propose the key with others.
    """
    return tags[Purpose.POSSESSION] + encode([public_key, name, payout])


def prove_possession(tags: Tags, key: KeyPair, name: AuthorityName, payout: Address) -> Signature:
    """Sign that this key's owner wants to be an authority of the chain, with name and payout."""
    return key.sign(possession_message(tags, key.public_key, name, payout))


def motion_kind(motion: Motion) -> MotionKind:
    """Return the kind of a motion."""
    return MOTION_KINDS[type(motion)]


def motion_name(motion: Motion) -> str:
    """Return a motion's name in JSON, logs, commands and pages, such as ``add_authority``."""
    return motion_kind(motion).name.lower()
