"""Miners: registration under a unique name, updates, retirement, the bond's return.

A miner is the address of its transaction key (J24). Its bond is locked from registration until
`unbond_ms` after retirement, when automatic work returns it (J23).
"""

from typing import Final

from msgspec.structs import replace

from ledger.accounts import credit
from ledger.actions import RegisterMiner, RetireMiner, UpdateMiner
from ledger.due import later_ms
from ledger.environment import Cause, Environment
from ledger.open_offers import withdraw_all
from ledger.outcomes import OutcomeKind
from ledger.records import Miner, MinerNameClaim, Table, Unbonding, state_key
from ledger.rejections import (
    BondTooSmall,
    MinerBusy,
    MinerExists,
    MinerNameReserved,
    MinerNameTaken,
    MinerUnknown,
)
from ledger.state import Overlay, State
from ledger.types import Address

RESERVED_NAME_PREFIXES: Final = ("ait1", "job_", "receipt_", "offer_", "tx_", "pay_")
"""A miner's name must not read like an address or an id where pages accept either."""


def find_miner(state: State, address: Address) -> Miner:
    """Return a registered miner.

    Raises:
        MinerUnknown: the address is none.
    """
    miner = state.get(state_key(Table.MINER, address))
    if miner is None:
        raise MinerUnknown(address)
    assert isinstance(miner, Miner)
    return miner


def name_key(name: str) -> bytes:
    """Return the state key of a miner name's claim; case does not matter."""
    return state_key(Table.MINER_NAME, name.lower().encode("ascii"))


def apply_register(env: Environment, cause: Cause, action: RegisterMiner) -> None:
    """Enter the sender as a miner; its bond has been debited with the fee.

    Raises:
        MinerExists, MinerNameReserved, MinerNameTaken, BondTooSmall: as they say.
    """
    _check_register(env, cause, action)
    miner = Miner(
        name=action.name,
        capabilities_digest=action.capabilities_digest,
        price_floor=action.price_floor,
        bond=action.bond,
        custody=action.custody,
        in_flight=0,
    )
    env.state.put(state_key(Table.MINER, cause.sender), miner)
    env.state.put(name_key(action.name), MinerNameClaim(cause.sender))
    _record(env, OutcomeKind.MINER_REGISTERED, cause, action.bond)


def apply_update(env: Environment, cause: Cause, action: UpdateMiner) -> None:
    """Replace capabilities and price floor; running jobs keep their terms.

    Raises:
        MinerUnknown: the sender is no miner.
    """
    miner = find_miner(env.state, cause.sender)
    updated = replace(
        miner,
        capabilities_digest=action.capabilities_digest,
        price_floor=action.price_floor,
    )
    env.state.put(state_key(Table.MINER, cause.sender), updated)
    _record(env, OutcomeKind.MINER_UPDATED, cause, 0)


def apply_retire(env: Environment, cause: Cause, _action: RetireMiner) -> None:
    """Remove the sender's miner; its name is free, its bond is on its way back.

    Its offers go with it: nobody could accept one any more.

    Raises:
        MinerUnknown: the sender is no miner.
        MinerBusy: jobs name it (J23).
    """
    miner = find_miner(env.state, cause.sender)
    if miner.in_flight:
        raise MinerBusy(cause.sender, miner.in_flight)
    withdraw_all(env, cause)
    env.state.put(state_key(Table.MINER, cause.sender), None)
    env.state.put(name_key(miner.name), None)
    if miner.bond:
        due_ms = later_ms(env.now_ms, env.parameters.unbond_ms)
        unbonding = Unbonding(cause.sender, miner.bond, due_ms)
        env.state.put(state_key(Table.UNBONDING, cause.transaction_id), unbonding)
    _record(env, OutcomeKind.MINER_RETIRED, cause, miner.bond)


def return_bond(env: Environment, key: bytes, unbonding: Unbonding) -> None:
    """Credit a retired miner's bond: automatic work."""
    env.state.put(key, None)
    credit(env.state, unbonding.owner, unbonding.amount)
    share = (unbonding.owner, unbonding.amount)
    env.record(OutcomeKind.BOND_RETURNED, b"", key[1:], 0, share)


def count_in_flight(state: Overlay, address: Address, change: int) -> None:
    """Count jobs that name a miner, which cannot retire meanwhile (J23)."""
    miner = find_miner(state, address)
    in_flight = miner.in_flight + change
    assert in_flight >= 0, "a miner has fewer jobs than name it"
    state.put(state_key(Table.MINER, address), replace(miner, in_flight=in_flight))


def _check_register(env: Environment, cause: Cause, action: RegisterMiner) -> None:
    """Check a registration; nothing has been written yet."""
    if env.state.get(state_key(Table.MINER, cause.sender)) is not None:
        raise MinerExists(cause.sender)
    for prefix in RESERVED_NAME_PREFIXES:
        if action.name.lower().startswith(prefix):
            raise MinerNameReserved(action.name, prefix)
    if env.state.get(name_key(action.name)) is not None:
        raise MinerNameTaken(action.name)
    if action.bond < env.parameters.miner_bond_min:
        raise BondTooSmall(action.bond, env.parameters.miner_bond_min)


def _record(env: Environment, kind: OutcomeKind, cause: Cause, amount: int) -> None:
    """Add the outcome record of a miner's own action."""
    env.record(kind, cause.transaction_id, cause.sender, 0, (cause.sender, amount))
