"""New units: how a consortium grants its members balance (E6).

The supply is what genesis allocated and ballots issued, and stays within 2^62 (S8). Because it
does, no balance, escrow or bond can ever leave its range.
"""

from typing import Final

from msgspec.structs import replace

from ledger.accounts import credit
from ledger.environment import Environment
from ledger.outcomes import OutcomeKind
from ledger.records import Supply, Table, state_key
from ledger.rejections import AmountZero, SupplyExceeded
from ledger.state import State
from ledger.types import SUPPLY_MAX, Address, Amount, Hash

_SUPPLY_KEY: Final = state_key(Table.SUPPLY)


def supply_of(state: State) -> Supply:
    """Return what genesis allocated and what has been issued since."""
    supply = state.get(_SUPPLY_KEY)
    assert isinstance(supply, Supply), "every state holds its supply"
    return supply


def check_issue(state: State, amount: Amount) -> None:
    """Check that units could be issued now; a ballot that passes later is checked again.

    Raises:
        AmountZero: nothing is to be issued.
        SupplyExceeded: the supply would leave its range (S8).
    """
    supply = supply_of(state)
    if not amount:
        raise AmountZero("amount")
    room = SUPPLY_MAX - supply.genesis - supply.issued
    if amount > room:
        raise SupplyExceeded(amount, room)


def issue_units(
    env: Environment, cause: bytes, ballot_id: Hash, address: Address, amount: Amount
) -> None:
    """Credit new units to an account, which is made if it does not exist; no fee is due.

    Args:
        env: the block in execution.
        cause: id of the transaction that made the ballot pass; empty where none did.
        ballot_id: the ballot that issues them.
        address: who gets them.
        amount: nait.

    Raises:
        AmountZero, SupplyExceeded: as `check_issue`; nothing has changed then.
    """
    check_issue(env.state, amount)
    supply = supply_of(env.state)
    env.state.put(_SUPPLY_KEY, replace(supply, issued=supply.issued + amount))
    credit(env.state, address, amount)
    env.record(OutcomeKind.UNITS_ISSUED, cause, ballot_id, 0, (address, amount))
