"""Ids that a block may not repeat (T1, T2), kept so that a start decodes no transactions.

Each block has one row with the (id, valid_until) pairs of its transactions, written with it and
dropped after the newest of them is over. What a start reads is 40 bytes for each transaction that
is still valid, and not the bodies of a whole horizon.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from ledger.store.bulk import Value
from ledger.store.chain_tables import RECENT_IDS
from ledger.store.summaries import LEAF_BYTES
from ledger.types import Hash, Height, TimestampMs

ENTRY: Final = struct.Struct(">32sQ")
"""An id and its `valid_until_ms`: the first 40 bytes of a leaf of the transaction tree (T1)."""


def ids_row(height: Height, ids: Sequence[tuple[Hash, TimestampMs]]) -> dict[str, Value] | None:
    """Return the row of a block's (id, valid_until_ms) pairs; none if it has no transactions."""
    if not ids:
        return None
    pack = ENTRY.pack
    return {
        "height": height,
        "last_ms": max(valid_until_ms for _, valid_until_ms in ids),
        "ids": b"".join([pack(each, valid_until_ms) for each, valid_until_ms in ids]),
    }


def ids_of_leaves(leaves: bytes) -> list[tuple[Hash, TimestampMs]]:
    """Return the (id, valid_until_ms) of each leaf of a transaction tree."""
    return [ENTRY.unpack_from(leaves, at) for at in range(0, len(leaves), LEAF_BYTES)]


def insert_ids(connection: Connection, rows: Iterable[dict[str, Value] | None]) -> None:
    """Write rows; those of blocks without transactions are none."""
    kept = [row for row in rows if row is not None]
    if kept:
        connection.execute(_INSERT, kept)


def read_ids(connection: Connection, now_ms: TimestampMs) -> Iterator[tuple[Hash, TimestampMs]]:
    """Return (id, valid_until_ms) of all that are valid at a time; the rows are read at once."""
    rows = connection.execute(select(RECENT_IDS.c.ids).where(RECENT_IDS.c.last_ms >= now_ms))
    kept = list(rows.scalars())
    return (pair for ids in kept for pair in ENTRY.iter_unpack(ids) if pair[1] >= now_ms)


def forget_ids(connection: Connection, now_ms: TimestampMs) -> None:
    """Drop the rows of which nothing is valid at a time any more."""
    connection.execute(delete(RECENT_IDS).where(RECENT_IDS.c.last_ms < now_ms))


_INSERT: Final = insert(RECENT_IDS)
