"""Evidence: two statements that no honest validator signs both (E5, E9, consensus rule 9).

Anyone may submit it, free of fee. The accused leaves the set at the next boundary, however few
stay: one who signs contradictions adds nothing to liveness, so there is no "never below four"
(E9). Only the last validator stays until another one is there, because without any nothing could
ever be decided.

A statement names its epoch but no time, and the state holds no epochs' times. An epoch e that
ended before the current one, c, is at least `(now − start of c) + (c − 1 − e) × epoch_ms` old, for
epochs last at least `epoch_ms`; for epochs before the last change of `epoch_ms` the time since
that change counts. Evidence is too old when this age is above `evidence_ms`: only halts, which
make epochs longer, let somewhat older evidence through. One piece per validator and epoch is
accepted. The list of what was accepted forgets what is too old, and its floor keeps those epochs
closed for good.
"""

from typing import Final

from msgspec.structs import replace

from ledger.actions import SubmitEvidence
from ledger.authorities import (
    change_of,
    evidence_log_of,
    member_of,
    pending_of,
    put_evidence_log,
    put_pending,
    validators_of,
)
from ledger.environment import Cause, Environment
from ledger.governance_rejections import (
    AuthorityUnknown,
    EvidenceKnown,
    EvidenceLegal,
    EvidenceOfFuture,
    EvidenceSignatureInvalid,
    EvidenceTooOld,
    EvidenceWithoutContradiction,
)
from ledger.keys import verify
from ledger.outcomes import OutcomeKind
from ledger.records import (
    Accusation,
    EvidenceLog,
    PendingChanges,
    SetChange,
    SetChangeKind,
    Validator,
)
from ledger.statements import Notarize, Nullify, contradiction, signed_bytes
from ledger.types import DurationMs, Epoch

ACCUSATIONS_MAX: Final = 256
"""Accepted evidence that is remembered; more than that moves the floor (T11)."""


def check_evidence_sanity(action: SubmitEvidence) -> None:
    """Check that two statements contradict each other, whoever signed them.

    Raises:
        EvidenceLegal: notarize and nullify of one view, which a validator may both say.
        EvidenceWithoutContradiction: different views, or the same statement.
    """
    first, second = action.first.statement, action.second.statement
    if contradiction(first, second) is not None:
        return
    same_view = (first.epoch, first.view) == (second.epoch, second.view)
    if same_view and {type(first), type(second)} == {Notarize, Nullify}:
        raise EvidenceLegal
    raise EvidenceWithoutContradiction


def apply_evidence(env: Environment, cause: Cause, action: SubmitEvidence) -> None:
    """Let the accused leave the set at the next boundary (E5).

    Raises:
        AuthorityUnknown: there is nobody to remove.
        EvidenceOfFuture, EvidenceTooOld, EvidenceKnown, EvidenceSignatureInvalid: as they say.
    """
    accused = member_of(validators_of(env.state), action.authority)
    if accused is None:
        raise AuthorityUnknown(action.authority)
    epoch = action.first.statement.epoch
    _check_age(env, epoch)
    pending, log = pending_of(env.state), evidence_log_of(env.state)
    accusation = Accusation(action.authority, epoch)
    change = change_of(pending, action.authority)
    evicted = change is not None and change.kind is SetChangeKind.EVICT
    if evicted or accusation in log.accepted:
        raise EvidenceKnown(action.authority, epoch)
    _check_signatures(env, action)
    put_evidence_log(env.state, _remember(env, log, accusation))
    put_pending(env.state, _with_eviction(pending, accused, cause.transaction_id))
    share = (cause.sender, 0)
    env.record(OutcomeKind.VALIDATOR_ACCUSED, cause.transaction_id, action.authority, epoch, share)


def age_ms(env: Environment, log: EvidenceLog, epoch: Epoch) -> DurationMs:
    """Return how long ago an epoch ended, at least; 0 for the current one."""
    if epoch >= env.epoch:
        return 0
    if epoch < log.steady_epoch:
        return env.now_ms - log.steady_from_ms
    whole_epochs = env.epoch - 1 - epoch
    return env.now_ms - env.epoch_start_ms + whole_epochs * env.parameters.epoch_ms


def _check_age(env: Environment, epoch: Epoch) -> None:
    """Check that the statements' epoch has begun, and is young enough."""
    if epoch > env.epoch:
        raise EvidenceOfFuture(epoch, env.epoch)
    log, limit_ms = evidence_log_of(env.state), env.parameters.evidence_ms
    if epoch < log.floor_epoch or age_ms(env, log, epoch) > limit_ms:
        raise EvidenceTooOld(epoch, limit_ms)


def _check_signatures(env: Environment, action: SubmitEvidence) -> None:
    """Check both signatures; the tag in what they are over holds the genesis digest (T4)."""
    for which, signed in (("first", action.first), ("second", action.second)):
        message = signed_bytes(env.tags, signed.statement)
        if not verify(action.authority, message, signed.signature):
            raise EvidenceSignatureInvalid(which)


def _remember(env: Environment, log: EvidenceLog, accusation: Accusation) -> EvidenceLog:
    """Return the log with one more accusation, and without those too old to be repeated."""
    limit_ms = env.parameters.evidence_ms
    kept = [known for known in log.accepted if age_ms(env, log, known.epoch) <= limit_ms]
    forgotten = [known.epoch for known in log.accepted if known not in kept]
    if len(kept) == ACCUSATIONS_MAX:
        oldest = min(kept, key=lambda known: known.epoch)
        kept.remove(oldest)
        forgotten.append(oldest.epoch)
    floor_epoch = max([log.floor_epoch, *(epoch + 1 for epoch in forgotten)])
    return replace(log, floor_epoch=floor_epoch, accepted=(*kept, accusation))


def _with_eviction(pending: PendingChanges, accused: Validator, cause: bytes) -> PendingChanges:
    """Return what waits with an eviction behind the others, and before everything that was voted.

    A removal that was voted for the same validator is replaced.
    """
    eviction = SetChange(SetChangeKind.EVICT, accused, cause)
    waiting = [c for c in pending.set_changes if c.validator.public_key != accused.public_key]
    evictions = [c for c in waiting if c.kind is SetChangeKind.EVICT]
    voted = [c for c in waiting if c.kind is not SetChangeKind.EVICT]
    return replace(pending, set_changes=(*evictions, eviction, *voted))
