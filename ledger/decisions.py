"""What a passed motion does: at once, or at the end of the epoch (E2, E4, E6).

Coordinators, rulings and issued units take effect in the block that decides; changes of the
validator set, parameters and the protocol version wait (`PendingChanges`) for `ledger.boundary`.
`ledger.motion_checks` has found that the motion can be carried out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from msgspec.structs import replace

from ledger import motions
from ledger.authorities import (
    member_of,
    parameters_to_come,
    pending_of,
    put_pending,
    validators_of,
)
from ledger.environment import Environment
from ledger.issue import issue_units
from ledger.outcomes import OutcomeKind
from ledger.params import Parameters
from ledger.records import (
    Coordinator,
    SetChange,
    SetChangeKind,
    Table,
    Validator,
    state_key,
)
from ledger.rulings import rule_dispute
from ledger.types import Address, Hash


@dataclass(frozen=True, slots=True)
class Decision:
    """A ballot that passes."""

    env: Environment
    """The block in execution."""
    cause: bytes
    """Id of the vote that passes it; empty when it passes by itself, at an epoch's boundary."""
    ballot_id: Hash
    """The ballot."""


def carry_out(decision: Decision, motion: motions.Motion) -> None:
    """Do what the motion asks, or queue it for the epoch's end."""
    _EFFECTS[type(motion)](decision, motion)


def _add_authority(decision: Decision, motion: motions.AddAuthority) -> None:
    validator = Validator(motion.public_key, motion.name, motion.payout)
    _queue(decision, SetChangeKind.ADD, validator)


def _remove_authority(decision: Decision, motion: motions.RemoveAuthority) -> None:
    member = member_of(validators_of(decision.env.state), motion.public_key)
    assert member is not None, "a removal is checked before it is decided"
    _queue(decision, SetChangeKind.REMOVE, member)


def _add_coordinator(decision: Decision, motion: motions.AddCoordinator) -> None:
    record = Coordinator(motion.name)
    decision.env.state.put(state_key(Table.COORDINATOR, motion.address), record)
    _record_coordinator(decision, OutcomeKind.COORDINATOR_ADDED, motion.address)


def _remove_coordinator(decision: Decision, motion: motions.RemoveCoordinator) -> None:
    """Take it out; its live jobs end by cancel, expiry or window (J15)."""
    decision.env.state.put(state_key(Table.COORDINATOR, motion.address), None)
    _record_coordinator(decision, OutcomeKind.COORDINATOR_REMOVED, motion.address)


def _set_parameter(decision: Decision, motion: motions.SetParameter) -> None:
    parameters = parameters_to_come(decision.env.state)
    _queue_parameters(decision, replace(parameters, **{motion.name: motion.value}))


def _set_protocol_version(decision: Decision, motion: motions.SetProtocolVersion) -> None:
    parameters = parameters_to_come(decision.env.state)
    _queue_parameters(decision, replace(parameters, protocol_version=motion.version))


def _resolve_dispute(decision: Decision, motion: motions.ResolveDispute) -> None:
    rule_dispute(decision.env, decision.cause, motion.job_id, for_miner=motion.for_miner)


def _issue_units(decision: Decision, motion: motions.IssueUnits) -> None:
    issue_units(decision.env, decision.cause, decision.ballot_id, motion.to, motion.amount)


def _queue(decision: Decision, kind: SetChangeKind, validator: Validator) -> None:
    """Add a change of the validator set behind those that wait (E2)."""
    pending = pending_of(decision.env.state)
    change = SetChange(kind, validator, decision.ballot_id)
    queued = replace(pending, set_changes=(*pending.set_changes, change))
    put_pending(decision.env.state, queued)


def _queue_parameters(decision: Decision, parameters: Parameters) -> None:
    """Let the next epoch have these parameters (E4)."""
    state = decision.env.state
    put_pending(state, replace(pending_of(state), parameters=parameters))


def _record_coordinator(decision: Decision, kind: OutcomeKind, address: Address) -> None:
    decision.env.record(kind, decision.cause, address, 0, (address, 0))


_EFFECTS: Final = cast(
    dict[type[motions.Motion], Callable[[Decision, motions.Motion], None]],
    {
        motions.AddAuthority: _add_authority,
        motions.RemoveAuthority: _remove_authority,
        motions.AddCoordinator: _add_coordinator,
        motions.RemoveCoordinator: _remove_coordinator,
        motions.SetParameter: _set_parameter,
        motions.SetProtocolVersion: _set_protocol_version,
        motions.ResolveDispute: _resolve_dispute,
        motions.IssueUnits: _issue_units,
    },
)
"""What carries out each motion; called with the motion of its key only."""
