"""What authorities decide in a block: ballots, the validator set, parameters (invariants 5, 10).

The second writing of `ledger.ballots`, `ledger.motion_checks`, `ledger.boundary`: the council of a
block is members, ballots and what waits as plain dictionaries and lists. A motion passes when three
times its supporters are more than twice the members, which is n − f in another form.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from ledger.actions import CastVote
from ledger.checker.broken import Invariant, require, require_equal
from ledger.checker.job_walk import AUTOMATIC, Setting
from ledger.checker.meaning import address_from, window_end_ms
from ledger.checker.waiting import Waiting
from ledger.codec import encode
from ledger.hashing import Purpose
from ledger.keys import verify
from ledger.motions import (
    AddAuthority,
    AddCoordinator,
    IssueUnits,
    Motion,
    RemoveAuthority,
    RemoveCoordinator,
    ResolveDispute,
    SetParameter,
    SetProtocolVersion,
    motion_kind,
)
from ledger.outcomes import Outcome, OutcomeKind
from ledger.records import (
    Ballot,
    BallotVote,
    Coordinator,
    Record,
    SetChange,
    SetChangeKind,
    Table,
    Validator,
    state_key,
)
from ledger.types import Address, Hash, PublicKey

K = OutcomeKind

OPEN_MAX: Final = 16
"""Ballots that one authority may have open."""


@dataclass(frozen=True, slots=True)
class OtherMotions:
    """Motions about jobs and units, which other walks follow."""

    possible: Callable[[ResolveDispute | IssueUnits], bool]
    """Whether it could be done at this point of the block."""
    do: Callable[[bytes, Hash, ResolveDispute | IssueUnits], list[Outcome]]
    """Does it; takes cause and ballot id, returns the outcomes."""


class Council:
    """Who decides, and what is being decided, during one block."""

    def __init__(
        self,
        records: Mapping[bytes, Record],
        ballots: Iterable[bytes],
        setting: Setting,
        others: OtherMotions,
    ) -> None:
        """Start from the parent's records, which are read only, and the keys of its ballots."""
        self._records = records
        self._setting = setting
        self._others = others
        self.waiting = Waiting(records, setting)
        """Set, parameters, and what waits for them."""
        self._ballots: dict[Hash, Ballot] = {}
        for key in ballots:
            record = records[key]
            assert isinstance(record, Ballot)
            self._ballots[key[1:]] = record
        self._touched: set[Hash] = set()
        self._coordinators: dict[Address, Coordinator | None] = {}

    def expected(self) -> dict[bytes, Record | None]:
        """Return the records that authorities govern, as the block must leave them."""
        found = self.waiting.expected()
        for ballot_id in self._touched:
            found[state_key(Table.BALLOT, ballot_id)] = self._ballots.get(ballot_id)
        for address, coordinator in self._coordinators.items():
            found[state_key(Table.COORDINATOR, address)] = coordinator
        return found

    def is_coordinator(self, address: Address) -> bool:
        """Return whether an address is a coordinator at this point of the block."""
        if address in self._coordinators:
            return self._coordinators[address] is not None
        return state_key(Table.COORDINATOR, address) in self._records

    def expire(self, ballot_id: Hash) -> list[Outcome]:
        """Close a ballot whose time is over."""
        ballot = self._close(ballot_id)
        kind = int(motion_kind(ballot.motion))
        return [Outcome(K.BALLOT_EXPIRED, AUTOMATIC, ballot_id, kind, (), ())]

    def end_epoch(self) -> list[Outcome]:
        """Let what waits take effect, then count all ballots again if the set changed."""
        outcomes, changed = self.waiting.end_epoch()
        if not changed:
            return outcomes
        members = self.waiting.members
        order = sorted(self._ballots, key=lambda known: (self._ballots[known].due_ms, known))
        for ballot_id in order:
            ballot = self._ballots[ballot_id]
            votes = tuple(vote for vote in ballot.votes if vote.authority in members)
            self._keep(ballot_id, replace(ballot, votes=votes))
            in_time = self._setting.now_ms <= ballot.due_ms
            if in_time and self._suffices(votes) and self._possible(ballot.motion):
                outcomes += self._pass(AUTOMATIC, ballot_id)
        return outcomes

    def vote(self, cause: Hash, key: PublicKey, action: CastVote) -> list[Outcome]:
        """Follow a vote; return the outcomes that it must leave.

        Raises:
            InvariantBroken: nobody had the right to it, or the motion could not be carried out.
        """
        what = f"vote {cause.hex()}"
        require(Invariant.SET, what, key in self.waiting.members, "of a member", key)
        if action.motion is not None:
            require_equal(Invariant.SET, what, (None, True), (action.ballot_id, action.support))
            told = self._open(cause, key, action.motion)
            ballot_id = cause
        else:
            assert action.ballot_id is not None
            told = self._say(cause, key, action.ballot_id, support=action.support)
            ballot_id = action.ballot_id
        ballot = self._ballots[ballot_id]
        if not action.support:
            return [told]
        require(Invariant.SET, what, self._possible(ballot.motion), "possible", ballot.motion)
        if self._suffices(ballot.votes):
            return [told, *self._pass(cause, ballot_id)]
        return [told]

    def _open(self, cause: Hash, key: PublicKey, motion: Motion) -> Outcome:
        mine = sum(ballot.opener == key for ballot in self._ballots.values())
        require(Invariant.SET, f"ballots of {key.hex()}", mine < OPEN_MAX, "< 16", mine)
        if isinstance(motion, AddAuthority):
            self._check_proof(motion)
        due_ms = window_end_ms(self._setting.now_ms, self._setting.parameters.ballot_ms)
        self._keep(cause, Ballot(key, motion, due_ms, (BallotVote(key, True, False),)))
        return _of(K.BALLOT_OPENED, cause, cause, int(motion_kind(motion)), address_from(key))

    def _say(self, cause: Hash, key: PublicKey, ballot_id: Hash, *, support: bool) -> Outcome:
        """Follow a vote on an open ballot: each authority twice at most, the second differs."""
        what = f"vote on ballot {ballot_id.hex()}"
        require(Invariant.SET, what, ballot_id in self._ballots, "an open ballot", ballot_id)
        ballot = self._ballots[ballot_id]
        now_ms = self._setting.now_ms
        require(Invariant.DUE, what, now_ms <= ballot.due_ms, f"time ≤ {ballot.due_ms}", now_ms)
        votes = {vote.authority: vote for vote in ballot.votes}
        earlier = votes.get(key)
        fresh = earlier is None or (not earlier.changed and earlier.support is not support)
        require(Invariant.SET, what, fresh, "a new vote", earlier)
        votes[key] = BallotVote(key, support, earlier is not None)
        self._keep(ballot_id, replace(ballot, votes=tuple(votes[k] for k in sorted(votes))))
        return _of(K.BALLOT_VOTED, cause, ballot_id, int(support), address_from(key))

    def _suffices(self, votes: tuple[BallotVote, ...]) -> bool:
        """Return whether more than two thirds of the members support a motion."""
        members = self.waiting.members
        yes = {vote.authority for vote in votes if vote.support} & set(members)
        return 3 * len(yes) > 2 * len(members)

    def _pass(self, cause: bytes, ballot_id: Hash) -> list[Outcome]:
        motion = self._close(ballot_id).motion
        passed = Outcome(K.BALLOT_PASSED, cause, ballot_id, int(motion_kind(motion)), (), ())
        return [passed, *self._do(cause, ballot_id, motion)]

    def _do(self, cause: bytes, ballot_id: Hash, motion: Motion) -> list[Outcome]:
        """Do what a motion asks; return the outcomes besides the ballot's own."""
        waiting = self.waiting
        match motion:
            case AddAuthority():
                comes = Validator(motion.public_key, motion.name, motion.payout)
                waiting.changes.append(SetChange(SetChangeKind.ADD, comes, ballot_id))
            case RemoveAuthority():
                goes = waiting.members[motion.public_key]
                waiting.changes.append(SetChange(SetChangeKind.REMOVE, goes, ballot_id))
            case SetParameter():
                waiting.set_parameter(motion.name, motion.value)
            case SetProtocolVersion():
                waiting.set_parameter("protocol_version", motion.version)
            case AddCoordinator():
                self._coordinators[motion.address] = Coordinator(motion.name)
                return [_of(K.COORDINATOR_ADDED, cause, motion.address, 0, motion.address)]
            case RemoveCoordinator():
                self._coordinators[motion.address] = None
                return [_of(K.COORDINATOR_REMOVED, cause, motion.address, 0, motion.address)]
            case ResolveDispute() | IssueUnits():
                return self._others.do(cause, ballot_id, motion)
        return []

    def _possible(self, motion: Motion) -> bool:
        """Return whether a motion could be carried out at this point of the block."""
        waiting, consensus = self.waiting, self.waiting.consensus_addresses()
        match motion:
            case AddAuthority():
                own = address_from(motion.public_key)
                roles = motion.payout not in {*consensus, own} and not (
                    own in waiting.payouts() or self.is_coordinator(own)
                )
                return roles and waiting.may_add(motion.public_key, motion.name)
            case RemoveAuthority():
                return waiting.may_remove(motion.public_key)
            case SetParameter():
                return motion.name != "protocol_version" and waiting.may_set(
                    motion.name, motion.value
                )
            case SetProtocolVersion():
                return motion.version > waiting.parameters_to_come.protocol_version
            case AddCoordinator():
                return not self.is_coordinator(motion.address) and motion.address not in consensus
            case RemoveCoordinator():
                return self.is_coordinator(motion.address)
            case ResolveDispute():
                return self._others.possible(motion)
            case IssueUnits():
                return motion.to not in consensus and self._others.possible(motion)

    def _check_proof(self, motion: AddAuthority) -> None:
        """Check that the new key signed chain, key, name and payout account."""
        signed = encode([motion.public_key, motion.name, motion.payout])
        message = self._setting.tags[Purpose.POSSESSION] + signed
        proven = verify(motion.public_key, message, motion.possession_proof)
        require(Invariant.SET, "possession proof", proven, "by the key", motion.public_key)

    def _keep(self, ballot_id: Hash, ballot: Ballot) -> None:
        self._touched.add(ballot_id)
        self._ballots[ballot_id] = ballot

    def _close(self, ballot_id: Hash) -> Ballot:
        self._touched.add(ballot_id)
        return self._ballots.pop(ballot_id)


def _of(kind: OutcomeKind, cause: bytes, subject: bytes, code: int, party: Address) -> Outcome:
    return Outcome(kind, cause, subject, code, (party,), (0,))
