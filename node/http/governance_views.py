"""Bodies of the governance routes: validators, ballots, and what was changed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET, UnsetType

from coordinator.http.money import format_text
from coordinator.wire import View
from ledger import (
    coming_protocol_version,
    open_ballots,
    parameters_of,
    pending_of,
    quorum_of,
    supporters,
    validators_of,
)
from ledger.keys import address_of, format_address
from ledger.motions import IssueUnits, Motion, motion_name
from ledger.outcomes import OutcomeKind
from ledger.records import Ballot, SetChangeKind, Validator
from ledger.state import State
from ledger.store import BallotRow, OutcomeRow
from ledger.types import Address, Hash
from ledger.views import ChainView, validator_set_hash

Plain = str | int | bool
"""A value of a motion in JSON: keys and ids in hex, addresses ait1…, units in AITBC."""


class ValidatorView(View, frozen=True):
    """A validator."""

    name: str
    """Shown name."""
    public_key: str
    """Consensus key, hex."""
    address: str
    """Address of that key; signs votes on ballots, and owns nothing."""
    payout: str
    """Account that its blocks' fees go to."""


class SetChangeView(View, frozen=True):
    """A change of the validator set that waits for an epoch's end."""

    change: str
    """`add`, `remove`, or `evict` after evidence."""
    validator: ValidatorView
    """Who comes or goes."""
    cause: str
    """Id of the ballot, or of the transaction with the evidence, hex."""


class ValidatorsView(View, frozen=True):
    """The validators of the current epoch, and what waits for its end."""

    as_of_height: int
    """Final height that all of this holds at."""
    epoch: int
    """Epoch of the next block."""
    epoch_ends_ms: int
    """First block time that ends it, milliseconds since the Unix epoch."""
    validator_set_hash: str
    """Tagged hash of the set, hex; headers name it."""
    quorum: int
    """Votes that pass a motion: n − f."""
    validators: Sequence[ValidatorView]
    """In the order of rotation."""
    pending: Sequence[SetChangeView]
    """Changes of the set that wait, in order; at most max(1, f) take effect at a boundary."""
    pending_parameters: Mapping[str, int]
    """Parameters that change at the boundary, with their new values."""
    unknown_protocol_version: int | UnsetType = UNSET
    """Version of the next epoch, if this node does not know it: install a newer program."""


class VoteView(View, frozen=True):
    """What an authority said on a ballot."""

    authority: str
    """Address of its consensus key."""
    support: bool
    """Whether it is for the motion."""


class BallotView(View, frozen=True):
    """A ballot."""

    ballot_id: str
    """Its id, hex."""
    status: str
    """`open`, `passed` or `expired`."""
    motion: str
    """What it asks, such as `add_authority`."""
    details: Mapping[str, Plain]
    """Fields of the motion."""
    opener: str
    """Address of the key of the authority that opened it."""
    votes: Sequence[VoteView]
    """The last word of each authority; of an open ballot only those that count."""
    supporters: int | UnsetType = UNSET
    """Votes of yes that count now; of open ballots."""
    quorum: int | UnsetType = UNSET
    """Votes that it needs now; of open ballots."""
    expires_at: str | UnsetType = UNSET
    """Last block time at which it can pass; of open ballots."""
    opened_height: int | UnsetType = UNSET
    """Height at which it was opened, once the index knows."""
    closed_height: int | UnsetType = UNSET
    """Height at which it passed or expired."""


class BallotsView(View, frozen=True):
    """A page of ballots."""

    as_of_height: int
    """Final height that open ballots hold at; closed ones as far as the index has come."""
    ballots: Sequence[BallotView]
    """Open ones: those that end first come first. Closed ones: newest first."""
    next: str | UnsetType = UNSET
    """Value of `before` for the next page."""


class ChangeView(View, frozen=True):
    """Something that governance changed."""

    kind: str
    """`validator_added`, `parameter_changed`, `units_issued` and the like."""
    height: int
    """Height of the block."""
    timestamp_ms: int
    """Its time."""
    subject: str
    """Validator's key, ballot's id (of units) or coordinator's address in hex; a parameter's
    name."""
    value: int
    """A parameter's new value, the epoch of evidence, how the set changed; else 0."""
    cause: str
    """Id of the transaction that did it, hex; empty for an epoch's end."""
    parties: Sequence[str]
    """Accounts that it concerns."""
    amounts: Sequence[str]
    """AITBC for each of them."""


class ChangesView(View, frozen=True):
    """A page of changes."""

    changes: Sequence[ChangeView]
    """Newest first."""
    next: str | UnsetType = UNSET
    """Value of `before` for the next page."""


def validators_view(view: ChainView) -> ValidatorsView:
    """Return the set after a final block, and what waits."""
    state = view.state
    validators, pending, now = validators_of(state), pending_of(state), parameters_of(state)
    after = pending.parameters or now
    unknown = coming_protocol_version(state)
    return ValidatorsView(
        as_of_height=view.header.height,
        epoch=view.next_epoch,
        epoch_ends_ms=view.next_epoch_start_ms + now.epoch_ms,
        validator_set_hash=validator_set_hash(view.tags, validators).hex(),
        quorum=quorum_of(len(validators.members)),
        validators=[_validator(member) for member in validators.members],
        pending=[
            SetChangeView(
                change=SetChangeKind(change.kind).name.lower(),
                validator=_validator(change.validator),
                cause=change.cause.hex(),
            )
            for change in pending.set_changes
        ],
        pending_parameters={
            name: value
            for name, value in msgspec.structs.asdict(after).items()
            if value != getattr(now, name)
        },
        unknown_protocol_version=UNSET if unknown is None else unknown,
    )


def open_ballot_views(state: State) -> list[BallotView]:
    """Return all open ballots, the one that ends first first."""
    return [open_ballot_view(state, *found) for found in open_ballots(state)]


def open_ballot_view(state: State, ballot_id: Hash, ballot: Ballot) -> BallotView:
    """Return an open ballot with its tally against the set as it is."""
    validators = validators_of(state)
    members = {member.public_key for member in validators.members}
    return BallotView(
        ballot_id=ballot_id.hex(),
        status="open",
        motion=motion_name(ballot.motion),
        details=motion_details(ballot.motion),
        opener=format_address(address_of(ballot.opener)),
        votes=[
            VoteView(authority=format_address(address_of(vote.authority)), support=vote.support)
            for vote in ballot.votes
            if vote.authority in members
        ],
        supporters=supporters(ballot, validators),
        quorum=quorum_of(len(validators.members)),
        expires_at=_time_text(ballot.due_ms),
    )


def closed_ballot_view(row: BallotRow, outcomes: Sequence[OutcomeRow] = ()) -> BallotView:
    """Return a ballot of the index.

    Args:
        row: the ballot.
        outcomes: those of its id, newest first; its votes are among them.
    """
    votes: dict[Address, bool] = {}
    for found in reversed(outcomes):
        told = found.outcome
        if told.kind in (OutcomeKind.BALLOT_OPENED, OutcomeKind.BALLOT_VOTED):
            opened = told.kind is OutcomeKind.BALLOT_OPENED
            votes[told.parties[0]] = opened or bool(told.code)
    return BallotView(
        ballot_id=row.ballot_id.hex(),
        status=row.status.value.lower(),
        motion=motion_name(row.motion),
        details=motion_details(row.motion),
        opener=format_address(row.opener),
        votes=[
            VoteView(authority=format_address(authority), support=support)
            for authority, support in votes.items()
        ],
        opened_height=row.opened.height,
        closed_height=row.closed.height if row.closed else UNSET,
    )


def change_view(row: OutcomeRow) -> ChangeView:
    """Return something that governance changed."""
    told = row.outcome
    is_name = told.kind is OutcomeKind.PARAMETER_CHANGED
    return ChangeView(
        kind=told.kind.name.lower(),
        height=row.height,
        timestamp_ms=row.timestamp_ms,
        subject=told.object_id.decode("ascii") if is_name else told.object_id.hex(),
        value=told.code,
        cause=told.cause.hex(),
        parties=[format_address(party) for party in told.parties],
        amounts=[format_text(amount) for amount in told.amounts],
    )


def motion_details(motion: Motion) -> dict[str, Plain]:
    """Return a motion's fields as people and programs read them."""
    shown: dict[str, Plain] = {}
    for name in motion.__struct_fields__:
        value = getattr(motion, name)
        if isinstance(motion, IssueUnits) and name == "amount":
            value = format_text(motion.amount)
        elif isinstance(value, bytes):
            is_address = len(value) == _ADDRESS_BYTES
            value = format_address(value) if is_address else value.hex()
        shown[name] = value
    return shown


_ADDRESS_BYTES = 20


def _validator(member: Validator) -> ValidatorView:
    return ValidatorView(
        name=member.name,
        public_key=member.public_key.hex(),
        address=format_address(address_of(member.public_key)),
        payout=format_address(member.payout),
    )


def _time_text(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
