"""The validator set, the parameters, and what waits for an epoch's end to change them (10).

The second writing of `ledger.boundary` and `ledger.evidence`.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import asdict, replace

from ledger.actions import SubmitEvidence
from ledger.checker.broken import Invariant, require
from ledger.checker.job_walk import AUTOMATIC, Setting
from ledger.checker.meaning import address_from, parameters_agree
from ledger.codec import encode
from ledger.hashing import Purpose
from ledger.keys import verify
from ledger.outcomes import Outcome, OutcomeKind
from ledger.params import PARAMETER_BOUNDS, VALIDATORS_MAX, Parameters
from ledger.records import (
    Accusation,
    EvidenceLog,
    PendingChanges,
    Record,
    SetChange,
    SetChangeKind,
    Table,
    Validator,
    ValidatorSet,
    state_key,
)
from ledger.statements import SignedStatement, VoteKind
from ledger.types import Address, Epoch, Hash, PublicKey

K = OutcomeKind

PURPOSES: Final = {
    VoteKind.NOTARIZE: Purpose.NOTARIZE,
    VoteKind.NULLIFY: Purpose.NULLIFY,
    VoteKind.FINALIZE: Purpose.FINALIZE,
}
"""What each kind of statement is signed for."""

CONTRADICTIONS: Final = {(1, 1), (2, 3), (3, 3)}
"""Kinds of two different statements of one view that one validator may not sign, ascending."""

REMEMBERED_MAX: Final = 256
"""Accepted evidence that is remembered."""


class Waiting:
    """Set and parameters during one block."""

    def __init__(self, records: Mapping[bytes, Record], setting: Setting) -> None:
        """Start from the parent's records."""
        self._setting = setting
        members, parameters, pending, log = (
            records.get(state_key(table))
            for table in (Table.VALIDATORS, Table.PARAMETERS, Table.PENDING, Table.EVIDENCE)
        )
        assert isinstance(members, ValidatorSet)
        assert isinstance(parameters, Parameters)
        assert pending is None or isinstance(pending, PendingChanges)
        assert log is None or isinstance(log, EvidenceLog)
        self.members: dict[PublicKey, Validator] = {v.public_key: v for v in members.members}
        """Validators by key, in their order."""
        self.changes: list[SetChange] = list(pending.set_changes) if pending else []
        """Changes of the set that wait, in order."""
        self._parameters = parameters
        self._next: Parameters | None = pending.parameters if pending else None
        self._log = log
        self.waits = pending is not None
        """Whether the epoch's end has something to do, as the parent left it."""

    @property
    def parameters_to_come(self) -> Parameters:
        """Parameters of the next epoch, as far as they are decided."""
        return self._next or self._parameters

    def expected(self) -> dict[bytes, Record | None]:
        """Return the records that the block must leave."""
        waits = bool(self.changes) or self._next is not None
        pending = PendingChanges(tuple(self.changes), self._next) if waits else None
        return {
            state_key(Table.VALIDATORS): ValidatorSet(tuple(self.members.values())),
            state_key(Table.PARAMETERS): self._parameters,
            state_key(Table.PENDING): pending,
            state_key(Table.EVIDENCE): self._log,
        }

    def end_epoch(self) -> tuple[list[Outcome], bool]:
        """Let what waits take effect; return the outcomes, and whether the set changed."""
        outcomes = self._change_parameters()
        # 3k < n for the largest k is f; at least one change may always take effect.
        room = max(1, (len(self.members) + 2) // 3 - 1)
        staying: list[SetChange] = []
        for change in self.changes:
            size_after = len(self.members) + (1 if change.kind is SetChangeKind.ADD else -1)
            if room == 0 or not 1 <= size_after <= VALIDATORS_MAX:
                staying.append(change)
                continue
            room -= 1
            outcomes.append(self._change_member(change))
        changed = len(staying) < len(self.changes)
        self.changes = staying
        return outcomes, changed

    def set_parameter(self, name: str, value: int) -> None:
        """Let the next epoch have another value."""
        self._next = replace(self.parameters_to_come, **{name: value})

    def may_set(self, name: str, value: int) -> bool:
        """Return whether a parameter may get a value."""
        if name not in PARAMETER_BOUNDS or getattr(self.parameters_to_come, name) == value:
            return False
        return parameters_agree(replace(self.parameters_to_come, **{name: value}))

    def may_add(self, key: PublicKey, name: str) -> bool:
        """Return whether a key may be proposed as a validator of that name."""
        names = {validator.name for validator in self._known()}
        known = key in self.members or key in self._concerned()
        return not known and name not in names and self._size_to_come() < VALIDATORS_MAX

    def may_remove(self, key: PublicKey) -> bool:
        """Return whether a validator may be proposed for removal."""
        return key in self.members and key not in self._concerned() and self._size_to_come() > 1

    def payouts(self) -> set[Address]:
        """Return the payout accounts of validators, and of those to come."""
        return {validator.payout for validator in self._known()}

    def consensus_addresses(self) -> set[Address]:
        """Return the addresses of consensus keys."""
        return {address_from(validator.public_key) for validator in self._known()}

    def accuse(self, cause: Hash, sender: Address, action: SubmitEvidence) -> list[Outcome]:
        """Follow evidence; return the outcome that it must leave.

        Raises:
            InvariantBroken: it proves nothing, is repeated, too old, or about nobody.
        """
        key, epoch = action.authority, action.first.statement.epoch
        self._check_evidence(action)
        queue = [c for c in self.changes if c.validator.public_key != key]
        place = sum(change.kind is SetChangeKind.EVICT for change in queue)
        queue.insert(place, SetChange(SetChangeKind.EVICT, self.members[key], cause))
        self.changes = queue
        self._log = self._log_with(Accusation(key, epoch))
        return [Outcome(K.VALIDATOR_ACCUSED, cause, key, epoch, (sender,), (0,))]

    def _change_parameters(self) -> list[Outcome]:
        if self._next is None:
            return []
        before, after = asdict(self._parameters), asdict(self._next)
        changed = [name for name in after if before[name] != after[name]]
        if "epoch_ms" in changed:
            log = self._log or EvidenceLog(0, 0, 0, ())
            first, now_ms = self._setting.epoch + 1, self._setting.now_ms
            self._log = EvidenceLog(log.floor_epoch, first, now_ms, log.accepted)
        self._parameters, self._next = self._next, None
        return [
            Outcome(K.PARAMETER_CHANGED, AUTOMATIC, name.encode(), after[name], (), ())
            for name in changed
        ]

    def _change_member(self, change: SetChange) -> Outcome:
        validator = change.validator
        if change.kind is SetChangeKind.ADD:
            kind = K.VALIDATOR_ADDED
            self.members[validator.public_key] = validator
        else:
            kind = K.VALIDATOR_REMOVED
            del self.members[validator.public_key]
        code, parties = int(change.kind), (validator.payout,)
        return Outcome(kind, AUTOMATIC, validator.public_key, code, parties, (0,))

    def _check_evidence(self, action: SubmitEvidence) -> None:
        """Check everything that makes two statements evidence against a member."""
        one, two = action.first, action.second
        key, epoch = action.authority, one.statement.epoch
        kinds = tuple(sorted((int(one.statement.kind), int(two.statement.kind))))
        log = self._log or EvidenceLog(0, 0, 0, ())
        evicted = {c.validator.public_key for c in self.changes if c.kind is SetChangeKind.EVICT}
        facts = [
            ("about a member", key in self.members),
            ("of one epoch", one.statement.epoch == two.statement.epoch),
            ("of one view", one.statement.view == two.statement.view),
            ("of two statements", one.statement != two.statement),
            ("of a forbidden pair", kinds in CONTRADICTIONS),
            ("of an epoch that has begun", epoch <= self._setting.epoch),
            ("of an epoch that is not closed", epoch >= log.floor_epoch),
            ("young enough", not self._is_old(log, epoch)),
            ("not accepted before", Accusation(key, epoch) not in log.accepted),
            ("against one who stays", key not in evicted),
            ("signed twice", self._signed(key, one) and self._signed(key, two)),
        ]
        for fact, holds in facts:
            require(Invariant.SET, f"evidence against {key.hex()}", holds, fact, action)

    def _signed(self, key: PublicKey, signed: SignedStatement) -> bool:
        tag = self._setting.tags[PURPOSES[signed.statement.kind]]
        return verify(key, tag + encode(signed.statement), signed.signature)

    def _is_old(self, log: EvidenceLog, epoch: Epoch) -> bool:
        """Return whether the latest moment at which an epoch can have ended is too long ago."""
        setting = self._setting
        if epoch >= setting.epoch:
            return False
        if epoch < log.steady_epoch:
            latest_ms = log.steady_from_ms
        else:
            between = setting.epoch - epoch - 1
            latest_ms = setting.epoch_start_ms - between * setting.parameters.epoch_ms
        return latest_ms + setting.parameters.evidence_ms < setting.now_ms

    def _log_with(self, accusation: Accusation) -> EvidenceLog:
        """Return the log with an accusation; what is forgotten raises the floor above it."""
        log = self._log or EvidenceLog(0, 0, 0, ())
        kept = [known for known in log.accepted if not self._is_old(log, known.epoch)]
        gone = [known.epoch for known in log.accepted if self._is_old(log, known.epoch)]
        if len(kept) >= REMEMBERED_MAX:
            first = min(range(len(kept)), key=lambda at: kept[at].epoch)
            gone.append(kept.pop(first).epoch)
        floor = max((epoch + 1 for epoch in gone), default=0)
        return replace(log, floor_epoch=max(floor, log.floor_epoch), accepted=(*kept, accusation))

    def _known(self) -> list[Validator]:
        """Return the validators, and those that wait to be."""
        added = [c.validator for c in self.changes if c.kind is SetChangeKind.ADD]
        return [*self.members.values(), *added]

    def _concerned(self) -> set[PublicKey]:
        """Return the keys about which a change waits."""
        return {change.validator.public_key for change in self.changes}

    def _size_to_come(self) -> int:
        added = sum(change.kind is SetChangeKind.ADD for change in self.changes)
        return len(self.members) + added - (len(self.changes) - added)
