"""An epoch's end: what was decided about validators and parameters takes effect (E2, E3, E4).

It is automatic work at the start of an epoch's last block, behind the sweep and before the body;
the block commits to the next epoch's set (S13). At most max(1, f) changes of the set take effect,
f being that of the set that ends, evictions first and the rest in the order of passing; the others
wait for the next boundary. A change that would leave nobody in the set, or more than the maximum,
waits as well. Then all open ballots are counted against the new set.
"""

from msgspec.structs import replace

from ledger.authorities import (
    evidence_log_of,
    has_pending,
    parameters_of,
    pending_of,
    put_evidence_log,
    put_parameters,
    put_pending,
    put_validators,
    set_changes_max,
    validators_of,
)
from ledger.ballots import tally_again
from ledger.environment import Environment
from ledger.outcomes import OutcomeKind
from ledger.params import (
    BOUNDARY_WEIGHT_DIVISOR,
    DUE_ITEM_WEIGHT_US,
    VALIDATORS_MAX,
    Parameters,
)
from ledger.records import SetChange, SetChangeKind, Validator, ValidatorSet
from ledger.state import State


def boundary_weight(state: State, parameters: Parameters) -> int:
    """Return the measured cost of an epoch's end on this state, in microseconds (S7).

    The work is mandatory, and bounded by the set and by T11; it counts for at most half of a
    block's weight, so that a block with it is never too heavy to be valid.
    """
    if not has_pending(state):
        return 0
    waiting = len(pending_of(state).set_changes)
    taken = min(waiting, set_changes_max(len(validators_of(state).members)))
    items = 1 + taken + (len(state.ballot_keys()) if taken else 0)
    limit = parameters.block_weight_max // BOUNDARY_WEIGHT_DIVISOR
    return min(items * DUE_ITEM_WEIGHT_US, limit)


def apply_boundary(env: Environment) -> None:
    """Let what waits take effect for the next epoch; the environment keeps this epoch's rules."""
    if not has_pending(env.state):
        return
    _change_parameters(env)
    if _change_set(env):
        tally_again(env)


def _change_parameters(env: Environment) -> None:
    """Put the next epoch's parameters in force, for the next block (E4)."""
    pending, before = pending_of(env.state), parameters_of(env.state)
    after = pending.parameters
    if after is None:
        return
    put_pending(env.state, replace(pending, parameters=None))
    put_parameters(env.state, after)
    for name in Parameters.__struct_fields__:
        value = getattr(after, name)
        if value != getattr(before, name):
            env.record(OutcomeKind.PARAMETER_CHANGED, b"", name.encode("ascii"), value)
    if after.epoch_ms != before.epoch_ms:
        log = evidence_log_of(env.state)
        steady = replace(log, steady_epoch=env.epoch + 1, steady_from_ms=env.now_ms)
        put_evidence_log(env.state, steady)


def _change_set(env: Environment) -> bool:
    """Let the first changes of the set take effect (E2); return whether any did."""
    members = list(validators_of(env.state).members)
    left = set_changes_max(len(members))
    waiting: list[SetChange] = []
    for change in pending_of(env.state).set_changes:
        if left and _is_possible(change, members):
            _change_members(env, change, members)
            left -= 1
        else:
            waiting.append(change)
    if len(waiting) == len(pending_of(env.state).set_changes):
        return False
    put_validators(env.state, ValidatorSet(tuple(members)))
    put_pending(env.state, replace(pending_of(env.state), set_changes=tuple(waiting)))
    return True


def _is_possible(change: SetChange, members: list[Validator]) -> bool:
    """Return whether the set stays within 1 … 100 (E2); only evidence can ask for less."""
    if change.kind is SetChangeKind.ADD:
        return len(members) < VALIDATORS_MAX
    return len(members) > 1


def _change_members(env: Environment, change: SetChange, members: list[Validator]) -> None:
    """Add a member at the end of the order of rotation, or take one out."""
    validator = change.validator
    if change.kind is SetChangeKind.ADD:
        members.append(validator)
        kind = OutcomeKind.VALIDATOR_ADDED
    else:
        members.remove(validator)
        kind = OutcomeKind.VALIDATOR_REMOVED
    env.record(kind, b"", validator.public_key, change.kind, (validator.payout, 0))
