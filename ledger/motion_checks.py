"""Whether a motion can be carried out: asked when its ballot opens, and at each yes (E6).

A motion that was possible can become impossible while its ballot is open, and possible again. So a
vote for what cannot be done is refused with the reason, and the ballot stays open until it expires.
"""

from collections.abc import Callable
from typing import Final, cast

from msgspec.structs import replace

from ledger import motions
from ledger.authorities import (
    change_of,
    consensus_addresses,
    known_members,
    member_of,
    parameters_to_come,
    pending_of,
    size_with,
    validators_of,
)
from ledger.environment import Environment
from ledger.errors import KeyInvalid
from ledger.governance_rejections import (
    AuthorityExists,
    AuthorityKeyInvalid,
    AuthorityNameTaken,
    AuthoritySetFull,
    AuthorityUnknown,
    CoordinatorExists,
    KeyRolesMixed,
    LastAuthority,
    ParameterInvalid,
    ParameterUnchanged,
    ParameterUnknown,
    PossessionUnproven,
    SetChangePending,
    VersionNotNewer,
)
from ledger.hashing import Tags
from ledger.issue import check_issue
from ledger.keys import address_of, check_public_key, verify
from ledger.params import PARAMETER_BOUNDS, VALIDATORS_MAX, parameter_faults
from ledger.records import Table, state_key
from ledger.rejections import CoordinatorUnknown
from ledger.rulings import check_ruling
from ledger.state import State
from ledger.types import Address

SETTABLE: Final = frozenset(PARAMETER_BOUNDS) - {"protocol_version"}
"""Parameters that `SetParameter` may name; the version has a motion of its own."""


def check_new_motion(tags: Tags, motion: motions.Motion) -> None:
    """Check what no state can change about a motion, when its ballot opens.

    Raises:
        AuthorityKeyInvalid, KeyRolesMixed, PossessionUnproven: as they say.
    """
    if not isinstance(motion, motions.AddAuthority):
        return
    try:
        check_public_key(motion.public_key)
    except KeyInvalid as error:
        raise AuthorityKeyInvalid(str(error)) from None
    if motion.payout == address_of(motion.public_key):
        raise KeyRolesMixed("payout", motion.payout)
    message = motions.possession_message(tags, motion.public_key, motion.name, motion.payout)
    # The key has just been checked as T10 asks; a signature that only some libraries refuse would
    # still need the secret key.
    if not verify(motion.public_key, message, motion.possession_proof):
        raise PossessionUnproven(motion.public_key)


def check_motion(env: Environment, motion: motions.Motion) -> None:
    """Check that a motion could be carried out now.

    Raises:
        TransactionRejected: it could not; nothing has changed.
    """
    _CHECKS[type(motion)](env, motion)


def _check_add_authority(env: Environment, motion: motions.AddAuthority) -> None:
    """Check a new validator against the set and what waits (E2, K5)."""
    state, key = env.state, motion.public_key
    validators, pending = validators_of(state), pending_of(state)
    if member_of(validators, key) is not None:
        raise AuthorityExists(key)
    if change_of(pending, key) is not None:
        raise SetChangePending(key)
    if any(member.name == motion.name for member in known_members(state)):
        raise AuthorityNameTaken(motion.name)
    if size_with(validators, pending) >= VALIDATORS_MAX:
        raise AuthoritySetFull(VALIDATORS_MAX)
    _check_no_consensus_key(state, "payout", motion.payout)
    own = address_of(key)
    payouts = {member.payout for member in known_members(state)}
    if own in payouts or _is_coordinator(state, own):
        raise KeyRolesMixed("public_key", own)


def _check_remove_authority(env: Environment, motion: motions.RemoveAuthority) -> None:
    """Check that there is one to remove, and that somebody stays (E2)."""
    validators, pending = validators_of(env.state), pending_of(env.state)
    if change_of(pending, motion.public_key) is not None:
        raise SetChangePending(motion.public_key)
    if member_of(validators, motion.public_key) is None:
        raise AuthorityUnknown(motion.public_key)
    if size_with(validators, pending) <= 1:
        raise LastAuthority(motion.public_key)


def _check_add_coordinator(env: Environment, motion: motions.AddCoordinator) -> None:
    if _is_coordinator(env.state, motion.address):
        raise CoordinatorExists(motion.address)
    _check_no_consensus_key(env.state, "address", motion.address)


def _check_remove_coordinator(env: Environment, motion: motions.RemoveCoordinator) -> None:
    if not _is_coordinator(env.state, motion.address):
        raise CoordinatorUnknown(motion.address)


def _check_set_parameter(env: Environment, motion: motions.SetParameter) -> None:
    """Check a parameter against its bounds and those that it must agree with (E4)."""
    if motion.name not in SETTABLE:
        raise ParameterUnknown(motion.name)
    parameters = parameters_to_come(env.state)
    if getattr(parameters, motion.name) == motion.value:
        raise ParameterUnchanged(motion.name, motion.value)
    faults = parameter_faults(replace(parameters, **{motion.name: motion.value}))
    if faults:
        raise ParameterInvalid(faults[0])


def _check_set_protocol_version(env: Environment, motion: motions.SetProtocolVersion) -> None:
    newest = parameters_to_come(env.state).protocol_version
    if motion.version <= newest:
        raise VersionNotNewer(motion.version, newest)


def _check_resolve_dispute(env: Environment, motion: motions.ResolveDispute) -> None:
    check_ruling(env, motion.job_id)


def _check_issue_units(env: Environment, motion: motions.IssueUnits) -> None:
    _check_no_consensus_key(env.state, "to", motion.to)
    check_issue(env.state, motion.amount)


def _is_coordinator(state: State, address: Address) -> bool:
    return state.get(state_key(Table.COORDINATOR, address)) is not None


def _check_no_consensus_key(state: State, field: str, address: Address) -> None:
    """Check that an address is not that of a consensus key, which signs votes only (K5)."""
    if address in consensus_addresses(state):
        raise KeyRolesMixed(field, address)


_CHECKS: Final = cast(
    dict[type[motions.Motion], Callable[[Environment, motions.Motion], None]],
    {
        motions.AddAuthority: _check_add_authority,
        motions.RemoveAuthority: _check_remove_authority,
        motions.AddCoordinator: _check_add_coordinator,
        motions.RemoveCoordinator: _check_remove_coordinator,
        motions.SetParameter: _check_set_parameter,
        motions.SetProtocolVersion: _check_set_protocol_version,
        motions.ResolveDispute: _check_resolve_dispute,
        motions.IssueUnits: _check_issue_units,
    },
)
"""The check of each motion; called with the motion of its key only."""
