"""An account's activity: its transactions and the automatic work that concerned it, merged.

Both are kept apart in a partition's `activity`, each in the order of the chain, so that either can
be paged alone. In a block, automatic work comes before the transactions (J17).
"""

from typing import Final

from sqlalchemy import Connection

from ledger.store.paging import AnyRow, AnySelect, Before, fetch, page_size, paged
from ledger.store.partition_tables import PartitionTables
from ledger.store.read_models import ActivityRow
from ledger.store.read_rows import outcome_row, transaction_row
from ledger.store.work_models import Position
from ledger.types import Address

_TRANSACTION_ENTRIES: Final = 2**15
"""Where transactions begin among the entries of a block's activity."""


def account_transactions(tables: PartitionTables, address: Address) -> AnySelect:
    """Return the query of an account's transactions; page it by `activity.c.position`."""
    activity, transactions = tables.activity, tables.transactions
    query = tables.transaction_rows.join(activity, activity.c.position == transactions.c.position)
    return query.where(activity.c.address == address, activity.c.automatic == 0)


def read_activity(
    connection: Connection,
    tables: PartitionTables,
    address: Address,
    before: Before,
    limit: int,
) -> list[ActivityRow]:
    """Return the activity of an account in one partition, newest first."""
    activity, outcomes = tables.activity, tables.outcomes
    sums = (activity.c.received, activity.c.spent)
    before_signed, before_automatic = _split_bound(before)
    signed = account_transactions(tables, address).add_columns(*sums)
    signed = paged(signed, activity.c.position, before_signed, limit)
    automatic = tables.outcome_rows.join(activity, activity.c.position == outcomes.c.position)
    automatic = automatic.where(activity.c.address == address, activity.c.automatic == 1)
    automatic = paged(automatic.add_columns(*sums), activity.c.position, before_automatic, limit)
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
