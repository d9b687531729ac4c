"""The validator set as ballots see it: who votes, how many pass a motion, what still waits.

The authorities of a chain are its validators. n is the size of the set, f = floor((n − 1) / 3) how
many may be faulty; a motion passes at n − f, the quorum of consensus (n = 6 → 5). Changes of the
set and of parameters wait in one record for the end of the epoch (E2, E4).
"""

from typing import Final

from ledger.keys import address_of
from ledger.params import PROTOCOL_VERSION, Parameters
from ledger.records import (
    EvidenceLog,
    PendingChanges,
    SetChange,
    SetChangeKind,
    Table,
    Validator,
    ValidatorSet,
    state_key,
)
from ledger.state import Overlay, State
from ledger.types import Address, PublicKey

_VALIDATORS_KEY: Final = state_key(Table.VALIDATORS)
_PARAMETERS_KEY: Final = state_key(Table.PARAMETERS)
_PENDING_KEY: Final = state_key(Table.PENDING)
_EVIDENCE_KEY: Final = state_key(Table.EVIDENCE)

NOTHING_PENDING: Final = PendingChanges((), None)
"""What stands for the record that is absent."""

NO_EVIDENCE: Final = EvidenceLog(0, 0, 0, ())
"""What stands for the log before any evidence, and any change of `epoch_ms`."""


def faulty_max(validators: int) -> int:
    """Return f, how many of n validators may be faulty: floor((n − 1) / 3)."""
    return (validators - 1) // 3


def quorum_of(validators: int) -> int:
    """Return n − f, how many yes votes pass a motion (E6)."""
    return validators - faulty_max(validators)


def set_changes_max(validators: int) -> int:
    """Return how many changes of the set take effect at one boundary: max(1, f) (E2)."""
    return max(1, faulty_max(validators))


def validators_of(state: State) -> ValidatorSet:
    """Return the validator set: the epoch's, and after its last block the next epoch's."""
    validators = state.get(_VALIDATORS_KEY)
    assert isinstance(validators, ValidatorSet), "every state holds a validator set"
    return validators


def parameters_of(state: State) -> Parameters:
    """Return the parameters that the next block is judged by (S6)."""
    parameters = state.get(_PARAMETERS_KEY)
    assert isinstance(parameters, Parameters), "every state holds parameters"
    return parameters


def put_validators(state: Overlay, validators: ValidatorSet) -> None:
    """Replace the validator set; only at an epoch's end."""
    state.put(_VALIDATORS_KEY, validators)


def put_parameters(state: Overlay, parameters: Parameters) -> None:
    """Replace the parameters; only at an epoch's end."""
    state.put(_PARAMETERS_KEY, parameters)


def pending_of(state: State) -> PendingChanges:
    """Return what waits for the epoch's end."""
    pending = state.get(_PENDING_KEY)
    if pending is None:
        return NOTHING_PENDING
    assert isinstance(pending, PendingChanges)
    return pending


def has_pending(state: State) -> bool:
    """Return whether something waits for the epoch's end, so that it must not be slept over."""
    return state.get(_PENDING_KEY) is not None


def put_pending(state: Overlay, pending: PendingChanges) -> None:
    """Write what waits for the epoch's end; no record when nothing does."""
    state.put(_PENDING_KEY, None if pending == NOTHING_PENDING else pending)


def evidence_log_of(state: State) -> EvidenceLog:
    """Return what decides whether evidence is new, and young enough."""
    log = state.get(_EVIDENCE_KEY)
    if log is None:
        return NO_EVIDENCE
    assert isinstance(log, EvidenceLog)
    return log


def put_evidence_log(state: Overlay, log: EvidenceLog) -> None:
    """Write what decides about evidence."""
    state.put(_EVIDENCE_KEY, log)


def member_of(validators: ValidatorSet, public_key: PublicKey) -> Validator | None:
    """Return the member of the set with this key, None if there is none."""
    return next((m for m in validators.members if m.public_key == public_key), None)


def change_of(pending: PendingChanges, public_key: PublicKey) -> SetChange | None:
    """Return the change about this key that waits, None if there is none."""
    changes = (c for c in pending.set_changes if c.validator.public_key == public_key)
    return next(changes, None)


def size_with(validators: ValidatorSet, pending: PendingChanges) -> int:
    """Return how many validators there will be when all that waits has taken effect."""
    size = len(validators.members)
    for change in pending.set_changes:
        size += 1 if change.kind is SetChangeKind.ADD else -1
    return size


def parameters_to_come(state: State) -> Parameters:
    """Return the parameters of the next epoch, as far as they are decided."""
    return pending_of(state).parameters or parameters_of(state)


def known_members(state: State) -> tuple[Validator, ...]:
    """Return the validators, and those that wait to be."""
    added = (c.validator for c in pending_of(state).set_changes if c.kind is SetChangeKind.ADD)
    return (*validators_of(state).members, *added)


def consensus_addresses(state: State) -> frozenset[Address]:
    """Return the addresses of all consensus keys, which must not be accounts (K5)."""
    return frozenset(address_of(member.public_key) for member in known_members(state))


def unknown_protocol_version(state: State) -> int | None:
    """Return the version in force from the next block on if this program does not know it (S13).

    Such a program stops after the block that it has, with its state intact.
    """
    version = parameters_of(state).protocol_version
    return version if version > PROTOCOL_VERSION else None


def coming_protocol_version(state: State) -> int | None:
    """Return the version that is decided for the next epoch if this program does not know it.

    The operator has until the epoch's end to install a newer program (S13).
    """
    version = parameters_to_come(state).protocol_version
    return version if version > PROTOCOL_VERSION else None
