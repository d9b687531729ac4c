"""The state table, and how it follows the deltas without ever holding up a block for long.

The checkpoint is fuzzy. A round merges the deltas of some blocks above the checkpoint, carries the
merged records over in slices, one transaction each, and with the last slice raises the checkpoint
and drops those deltas. In between, rows of the table may be ahead of the checkpoint; that does no
harm, because deltas hold whole records: replaying all of them from the checkpoint on gives the
state of the head whatever of them the table has already. A round that a crash cut off starts again.
"""

from typing import Final

from sqlalchemy import Connection, delete, func, select, update

from ledger.store.block_rows import decode_delta
from ledger.store.bulk import Row, delete_rows, upsert_rows
from ledger.store.chain_tables import CHAIN, DELTAS, STATE
from ledger.store.engine import Database
from ledger.store.errors import StoreUnreadable
from ledger.types import Height

ROUND_WEIGHT_MIN: Final = 20_000
"""Waiting changes that are worth a round; a start replays at most about this many, in 50 ms."""

ROUND_WEIGHT_MAX: Final = 65_536
"""Changes that one round merges; bounds its memory, and the deltas dropped at its end."""

_BATCHED: Final = {"yield_per": 256}
# Rows are fetched as they are needed, not all before the first.


class StateTable:
    """Carries deltas over into the state table. For the writing thread."""

    def __init__(self, database: Database) -> None:
        """Count what waits; a round that was cut off starts again."""
        self._database = database
        self._slice: list[tuple[bytes, bytes | None]] = []
        self._round_end: Height | None = None
        with database.reading() as connection:
            # A block counts as one change even when it has none: its delta row has to be read.
            weight = func.coalesce(func.sum(DELTAS.c.key_count + 1), 0)
            self._waiting = int(connection.execute(select(weight)).scalar_one())

    def note(self, keys: int) -> None:
        """Count the delta of a committed block."""
        self._waiting += keys + 1

    def carry(self, keys: int, *, force: bool) -> bool:
        """Carry at most `keys` records over; return whether there was something to do."""
        if self._round_end is None:
            if self._waiting == 0 or not (force or self._waiting >= ROUND_WEIGHT_MIN):
                return False
            self._begin_round()
        remaining = self._slice[:-keys] if keys < len(self._slice) else []
        with self._database.writing() as connection:
            _apply(connection, self._slice[len(remaining) :])
            dropped = 0 if remaining else self._end_round(connection)
        # Memory changes only after the transaction did: a failed slice is tried again.
        self._slice = remaining
        if not remaining:
            self._round_end = None
            self._waiting -= dropped
        return True

    def _begin_round(self) -> None:
        """Merge the oldest deltas, the later value of a key taking the place of the earlier."""
        merged: dict[bytes, bytes | None] = {}
        weight = 0
        oldest_first = select(DELTAS.c.height, DELTAS.c.key_count, DELTAS.c.changes).order_by(
            DELTAS.c.height
        )
        with (
            self._database.reading() as connection,
            connection.execute(oldest_first, execution_options=_BATCHED) as rows,
        ):
            for height, keys, changes in rows:
                if self._round_end is not None and weight + keys + 1 > ROUND_WEIGHT_MAX:
                    break
                merged.update(decode_delta(changes))
                weight += keys + 1
                self._round_end = height
        # Slices are cut off the end; neighbours in the table are written together.
        self._slice = sorted(merged.items(), reverse=True)

    def _end_round(self, connection: Connection) -> int:
        """Raise the checkpoint, drop the deltas below it, and return what they weighed."""
        done = DELTAS.c.height <= self._round_end
        weight = func.coalesce(func.sum(DELTAS.c.key_count + 1), 0)
        dropped = int(connection.execute(select(weight).where(done)).scalar_one())
        connection.execute(update(CHAIN).values(checkpoint_height=self._round_end))
        connection.execute(delete(DELTAS).where(done))
        return dropped


def load_state(connection: Connection, name: str, head: Height) -> dict[bytes, bytes]:
    """Return all records of the state at the head: the table, completed from the deltas.

    Args:
        connection: one that sees the head.
        name: the database, for the error's text.
        head: height of the head.

    Raises:
        StoreUnreadable: a delta between checkpoint and head is missing.
    """
    with connection.execute(select(STATE), execution_options=_BATCHED) as rows:
        # A result has keys and would be taken for a mapping; its iterator is not.
        records: dict[bytes, bytes] = dict(iter(rows))
    height = connection.execute(select(CHAIN.c.checkpoint_height)).scalar_one()
    deltas = select(DELTAS.c.height, DELTAS.c.changes).order_by(DELTAS.c.height)
    deltas = deltas.where(DELTAS.c.height > height)
    with connection.execute(deltas, execution_options=_BATCHED) as changed:
        for delta_height, changes in changed:
            if delta_height != height + 1:
                break
            height = delta_height
            for key, record in decode_delta(changes):
                if record is None:
                    records.pop(key, None)
                else:
                    records[key] = record
    if height != head:
        raise StoreUnreadable(
            f"{name} holds block {head}, but the state only up to block {height}; "
            "restore it from a copy, or move it away and let the node fetch the chain again"
        )
    return records


def write_first_state(connection: Connection, records: list[Row]) -> None:
    """Fill the empty state table with the records that the chain starts with here."""
    upsert_rows(connection, STATE, records)


def _apply(connection: Connection, changes: list[tuple[bytes, bytes | None]]) -> None:
    upsert_rows(connection, STATE, [(key, record) for key, record in changes if record is not None])
    delete_rows(connection, STATE.c.state_key, [key for key, record in changes if record is None])
