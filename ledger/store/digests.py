"""Digests: which ids and accounts a closed partition holds, in a few bytes each.

A question for an id or an account would otherwise ask every partition. A digest keeps 28 bits of
each: the first 12 choose a bucket, the other 16 are kept in order in that bucket's row. Rows are
keyed by bucket before partition, so one short read of neighbouring rows says of all partitions
which of them can hold what is sought. One in 540 of those that it names does not (half a million
ids, 122 in a bucket of 65,536 possible ones), and none that holds it is left out.

Ids are hashes, and kept as they begin, so that a search by their first digits works as well.
Addresses may be anything that somebody paid to, and are hashed first.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Final

from sqlalchemy import Connection, delete, select

from ledger.hashing import sha256
from ledger.store.bulk import Row, insert_rows
from ledger.store.columns import ID_PREFIX_MIN
from ledger.store.index_tables import DIGESTS
from ledger.store.partition_tables import PartitionTables
from ledger.types import Address

_BUCKET_BITS: Final = 12
_PRINT_BITS: Final = 16
_BUCKETS: Final = 1 << _BUCKET_BITS
_PREFIX_SHIFT: Final = 64 - _BUCKET_BITS - _PRINT_BITS
_MARK_DIGITS: Final = (_BUCKET_BITS + _PRINT_BITS) // 4


class DigestKind(IntEnum):
    """What a digest is of."""

    IDS = 0
    """Transactions, blocks, and objects of outcomes."""
    ACCOUNTS = 1
    """Accounts with any activity."""


def mark_of_prefix(id_prefix: int) -> int:
    """Return the 28 bits that a digest keeps of an id whose `columns.id_prefix` is given."""
    return (id_prefix - ID_PREFIX_MIN) >> _PREFIX_SHIFT


def mark_of_address(address: Address) -> int:
    """Return the 28 bits that a digest keeps of an account."""
    return int.from_bytes(sha256(address)[:8], "big") >> _PREFIX_SHIFT


def marks_of_digits(digits: str) -> tuple[int, int]:
    """Return the least and the greatest mark of ids that start with some hex digits."""
    known = digits[:_MARK_DIGITS]
    return int(known.ljust(_MARK_DIGITS, "0"), 16), int(known.ljust(_MARK_DIGITS, "f"), 16)


def write_digests(connection: Connection, number: int, tables: PartitionTables) -> None:
    """Write the digests of a partition that gets no more rows."""
    columns = (
        tables.transactions.c.id_prefix,
        tables.blocks.c.id_prefix,
        tables.outcomes.c.object_prefix,
    )
    marks: set[int] = set()
    for column in columns:
        marks.update(map(mark_of_prefix, connection.execute(select(column)).scalars()))
    insert_rows(connection, DIGESTS, list(_rows(DigestKind.IDS, number, marks)))
    addresses = connection.execute(select(tables.activity.c.address).distinct()).scalars()
    marks = set(map(mark_of_address, addresses))
    insert_rows(connection, DIGESTS, list(_rows(DigestKind.ACCOUNTS, number, marks)))


def delete_digests(connection: Connection, number: int) -> None:
    """Forget the digests of a partition that is gone."""
    for kind in DigestKind:
        # By bucket, since partitions are not what the rows are keyed by first.
        keyed = (DIGESTS.c.kind == kind) & DIGESTS.c.bucket.in_(range(_BUCKETS))
        connection.execute(delete(DIGESTS).where(keyed, DIGESTS.c.partition == number))


def partitions_with(
    connection: Connection, kind: DigestKind, least: int, greatest: int
) -> set[int]:
    """Return the closed partitions that can hold something with a mark in a range.

    Args:
        connection: where to look.
        kind: which digests.
        least: least mark; of one id, the same as the greatest.
        greatest: greatest mark.
    """
    buckets = DIGESTS.c.bucket.between(least >> _PRINT_BITS, greatest >> _PRINT_BITS)
    query = select(DIGESTS.c.bucket, DIGESTS.c.partition, DIGESTS.c.prints)
    rows = connection.execute(query.where(DIGESTS.c.kind == int(kind), buckets))
    return {
        partition
        for bucket, partition, prints in rows
        if _holds(prints, least - (bucket << _PRINT_BITS), greatest - (bucket << _PRINT_BITS))
    }


def _rows(kind: DigestKind, number: int, marks: Iterable[int]) -> Iterator[Row]:
    """Yield the rows of a digest."""
    ordered = sorted(marks)
    start = 0
    for bucket in range(_BUCKETS):
        end = bisect_left(ordered, (bucket + 1) << _PRINT_BITS, start)
        if end > start:
            prints = array("H", (mark & 0xFFFF for mark in ordered[start:end]))
            if sys.byteorder == "little":
                prints.byteswap()
            yield int(kind), bucket, number, prints.tobytes()
        start = end


def _holds(prints: bytes, least: int, greatest: int) -> bool:
    """Return whether one of a bucket's marks lies in a range, which may go beyond the bucket."""
    if least == greatest:
        wanted = least.to_bytes(2, "big")
        at = prints.find(wanted)
        while at >= 0 and at % 2:  # between two marks
            at = prints.find(wanted, at + 1)
        return at >= 0
    kept = array("H", prints)
    if sys.byteorder == "little":
        kept.byteswap()
    at = bisect_left(kept, max(least, 0))
    return at < len(kept) and kept[at] <= greatest
