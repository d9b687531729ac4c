"""An account's activity: its transactions and the automatic work that concerned it, merged.

Both are kept apart in `ACTIVITY`, each in the order of the chain, so that either can be paged
alone. In a block, automatic work comes before the transactions (J17).
"""

from typing import Final

from sqlalchemy import Connection

from ledger.store.index_tables import ACTIVITY, OUTCOMES, TRANSACTIONS
from ledger.store.paging import AnyRow, AnySelect, Before, fetch, page_size, paged
from ledger.store.read_models import ActivityRow
from ledger.store.read_rows import OUTCOME_ROWS, TRANSACTION_ROWS, outcome_row, transaction_row
from ledger.store.work_models import Position
from ledger.types import Address

_TRANSACTION_ENTRIES: Final = 2**15
"""Where transactions begin among the entries of a block's activity."""


def account_transactions(address: Address) -> AnySelect:
    """Return the query of an account's transactions; page it by `ACTIVITY.c.position`."""
    query = TRANSACTION_ROWS.join(ACTIVITY, ACTIVITY.c.position == TRANSACTIONS.c.position)
    return query.where(ACTIVITY.c.address == address, ACTIVITY.c.automatic == 0)


def read_activity(
    connection: Connection, address: Address, before: Before, limit: int
) -> list[ActivityRow]:
    """Return a page of an account's activity, newest first."""
    sums = (ACTIVITY.c.received, ACTIVITY.c.spent)
    before_signed, before_automatic = _split_bound(before)
    signed = account_transactions(address).add_columns(*sums)
    signed = paged(signed, ACTIVITY.c.position, before_signed, limit)
    automatic = OUTCOME_ROWS.join(ACTIVITY, ACTIVITY.c.position == OUTCOMES.c.position)
    automatic = automatic.where(ACTIVITY.c.address == address, ACTIVITY.c.automatic == 1)
    automatic = paged(automatic.add_columns(*sums), ACTIVITY.c.position, before_automatic, limit)
    rows = [
        *fetch(connection, signed, _signed_row),
        *fetch(connection, automatic, _automatic_row),
    ]
    return sorted(rows, key=lambda row: row.position, reverse=True)[: page_size(limit)]


def _split_bound(before: Before) -> tuple[Before, Before]:
    """Return the bounds of transactions and of automatic work below an activity's position."""
    if before is None:
        return None, None
    height, entry = before
    if entry < _TRANSACTION_ENTRIES:
        return (height, 0), (height, entry)
    return (height, entry - _TRANSACTION_ENTRIES), (height + 1, 0)


def _signed_row(row: AnyRow) -> ActivityRow:
    found = transaction_row(row)
    position = Position(found.height, found.index + _TRANSACTION_ENTRIES)
    return ActivityRow(position, found.timestamp_ms, row.received, row.spent, found, None)


def _automatic_row(row: AnyRow) -> ActivityRow:
    found = outcome_row(row)
    return ActivityRow(found.position, found.timestamp_ms, row.received, row.spent, None, found)
