"""The state table, and how it keeps up with the deltas without holding up a block for long.

The checkpoint is fuzzy. A round takes the merged changes of the blocks above the checkpoint,
carries them over in slices, one transaction each, and with the last slice raises the checkpoint
and drops those blocks' deltas. In between, rows of the table may be ahead of the checkpoint; that
does no harm, because deltas hold whole records: replaying all of them from the checkpoint on gives
the state of the head whatever of them the table has already. A round that a crash cut off starts
again.

What waits is bounded, and with it the disk that deltas take and the time of a start. A block
weighs as much as the records that it changed, and `BLOCK_WEIGHT`. Once `ROUND_WEIGHT` waits, a
round begins; slices are due at the pace at which blocks come, so that it ends before the same
weight has come again: at most twice `ROUND_WEIGHT` and a commit wait then. A process that ends in
the middle of a round leaves so much, and the next one's rounds go the faster, the more waits.

Merged changes are kept in memory as they are committed. Only what an earlier process left is read
from the deltas again.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, delete, func, select, update

from ledger.store.block_rows import decode_delta
from ledger.store.bulk import Row, delete_rows, upsert_rows
from ledger.store.chain_tables import CHAIN, DELTAS, STATE
from ledger.store.engine import Database
from ledger.store.errors import StoreUnreadable
from ledger.types import Height

ROUND_WEIGHT: Final = 131_072
"""Weight that is worth a round. The larger, the more changes of one record become one write, and
the denser those writes lie; the more a start replays, too: at most twice this, in 0.2 s."""

BLOCK_WEIGHT: Final = 64
"""What a block weighs besides its records: it has a row to read, and stays whole until then."""

SLICE_MIN: Final = 1_000
"""Records for which a transaction is worth its sync."""

SLICE_MAX: Final = 4_000
"""Most records of one transaction; some 20 to 40 ms in which no block is committed."""

_PREFIX: Final = 2
"""Leading bytes of a key by which a round is divided before it is sorted: table and one of the id.
To sort all at once would hold the interpreter for as long as 100 ms."""

_BATCHED: Final = {"yield_per": 256}
# Rows are fetched as they are needed, not all before the first.

Changes = dict[bytes, bytes | None]
"""State key → record, None for one that left."""


class StateTable:
    """Carries changes over into the state table. For the writing thread."""

    def __init__(self, database: Database) -> None:
        """Count what waits; a round that was cut off starts again."""
        self._database = database
        self._fresh: Changes = {}
        self._round: _Round | None = None
        weight = func.coalesce(func.sum(DELTAS.c.key_count + BLOCK_WEIGHT), 0)
        with database.reading() as connection:
            waiting, newest = connection.execute(
                select(weight, func.coalesce(func.max(DELTAS.c.height), 0))
            ).one()
            height = connection.execute(select(CHAIN.c.checkpoint_height)).scalar_one_or_none()
        self.checkpoint_height: Height = height or 0
        """Height up to which the table is complete."""
        self._waiting = int(waiting)
        self._newest: Height = int(newest)
        self._unread_to: Height = self._newest  # Deltas up to here are in the database only.

    @property
    def waiting(self) -> int:
        """Weight of the blocks above the checkpoint."""
        return self._waiting

    @property
    def is_due(self) -> bool:
        """Whether a slice must be carried now for the table to keep up."""
        if self._round is None:
            return self._waiting >= ROUND_WEIGHT
        return self._round.is_due

    def start_at(self, height: Height) -> None:
        """Note that the table was filled with the whole state of a block."""
        self.checkpoint_height = height

    def note(self, height: Height, delta: Mapping[bytes, bytes | None]) -> None:
        """Take the delta of a block that was committed."""
        weight = len(delta) + BLOCK_WEIGHT
        self._fresh.update(delta)
        self._newest = height
        self._waiting += weight
        if self._round is not None:
            self._round.since += weight

    def carry(self, keys: int, *, force: bool) -> bool:
        """Carry at most `keys` records over; return whether there was something to do.

        Args:
            keys: most records of the transaction.
            force: carry that many although fewer are due, or none.
        """
        if not self.is_due and not (force and self._waiting):
            return False
        current = self._round = self._round or self._begin_round()
        due = current.next_keys(keys if force else min(keys, max(current.owed, SLICE_MIN)))
        is_last = len(due) == current.left
        with self._database.writing() as connection:
            _apply(connection, [(key, current.changes[key]) for key in due])
            if is_last:
                _end_round(connection, current.end)
        # Memory changes only after the transaction did: a failed slice is tried again.
        current.drop(len(due))
        if is_last:
            self._round = None
            self._waiting -= current.weight
            self.checkpoint_height = current.end
        return True

    def _begin_round(self) -> "_Round":
        """Take what was committed since the last one; what another process left comes first."""
        if self._unread_to:
            changes, end, weight = self._read()
            if end == self._unread_to:
                self._unread_to = 0
        else:
            changes, end, weight = self._fresh, self._newest, self._waiting
            self._fresh = {}
        return _Round(changes, end, weight, self._waiting)

    def _read(self) -> tuple[Changes, Height, int]:
        """Return the oldest deltas merged, up to which block they go, and what those weigh."""
        merged: Changes = {}
        end, weight = 0, 0
        oldest_first = (
            select(DELTAS.c.height, DELTAS.c.key_count, DELTAS.c.changes)
            .where(DELTAS.c.height <= self._unread_to)
            .order_by(DELTAS.c.height)
        )
        with (
            self._database.reading() as connection,
            connection.execute(oldest_first, execution_options=_BATCHED) as rows,
        ):
            for height, keys, changes in rows:
                if end and weight + keys + BLOCK_WEIGHT > ROUND_WEIGHT:
                    break
                merged.update(decode_delta(changes))
                weight += keys + BLOCK_WEIGHT
                end = height
        return merged, end, weight


class _Round:
    """Merged changes of some blocks, on their way into the table."""

    __slots__ = (
        "_count",
        "_parts",
        "_sorted",
        "_waited",
        "changes",
        "end",
        "left",
        "since",
        "weight",
    )

    def __init__(self, changes: Changes, end: Height, weight: int, waited: int) -> None:
        """Begin.

        Args:
            changes: what is to be carried over.
            end: the newest block that they are of.
            weight: weight of those blocks.
            waited: weight of all blocks that wait now.
        """
        self.changes, self.end, self.weight = changes, end, weight
        self.left = self._count = len(changes)
        """Records that are not in the table yet."""
        self.since = 0
        """Weight that was committed since the round began."""
        self._waited = max(waited, ROUND_WEIGHT)
        parts: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for key in changes:
            parts[key[:_PREFIX]].append(key)
        # Neighbours in the table are written together, from the lowest key on.
        self._parts = [parts[prefix] for prefix in sorted(parts, reverse=True)]
        self._sorted: list[bytes] = []

    @property
    def owed(self) -> int:
        """Records by which the round is behind its pace.

        It has to end when `ROUND_WEIGHT` has come since it began; sooner by as much as more than
        that had waited.
        """
        time = ROUND_WEIGHT * ROUND_WEIGHT
        past = min(time, self.since * self._waited)
        return self.left - self._count * (time - past) // time

    @property
    def is_due(self) -> bool:
        """Whether a slice is worth its sync, or is the last."""
        return self.owed >= SLICE_MIN or self.left <= SLICE_MIN

    def next_keys(self, count: int) -> list[bytes]:
        """Return the next keys in order, at most `count`; the same ones until they are dropped."""
        while len(self._sorted) < count and self._parts:
            self._sorted += sorted(self._parts.pop())
        return self._sorted[:count]

    def drop(self, count: int) -> None:
        """Note that the next `count` records are in the table."""
        del self._sorted[:count]
        self.left -= count


def _end_round(connection: Connection, end: Height) -> None:
    """Raise the checkpoint, and drop the deltas below it."""
    connection.execute(update(CHAIN).values(checkpoint_height=end))
    connection.execute(delete(DELTAS).where(DELTAS.c.height <= end))


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
