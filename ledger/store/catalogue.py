"""The reader's side of partitions: which there are, and which can hold what is sought."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, select

from ledger.store.columns import height_in_range, id_prefix
from ledger.store.digests import (
    DigestKind,
    mark_of_address,
    mark_of_prefix,
    marks_of_digits,
    partitions_with,
)
from ledger.store.index_tables import CURSOR, PARTITIONS
from ledger.store.partition_tables import ARCHIVE
from ledger.store.partitions import Partition
from ledger.types import Address, Height

DIGESTS_ASKED_MAX: Final = 32
"""Ids whose digests are asked for one by one."""

_ARCHIVE: Partition = Partition(ARCHIVE, 0, 0)


class Catalogue:
    """The partitions of an index, newest first; the rows of those that are known are kept.

    What is said of a partition never changes, and no number is given twice, so only rows that are
    new have to be read. May be used from several threads.
    """

    def __init__(self) -> None:
        self._known: tuple[Partition, ...] = ()

    def partitions(self, connection: Connection) -> Sequence[Partition]:
        """Return all partitions that this connection's state of the index has."""
        columns = (CURSOR.c.first_partition, CURSOR.c.last_partition, CURSOR.c.has_archive)
        row = connection.execute(select(*columns)).one_or_none()
        if row is None:
            return ()
        first, last, has_archive = row
        # Another thread may have read an older or a newer state: take what serves this one.
        known = [each for each in self._known if first <= each.number <= last]
        if len(known) != last - first + 1:
            numbers = PARTITIONS.c.number.between(first, last)
            query = select(PARTITIONS).where(numbers).order_by(PARTITIONS.c.number.desc())
            known = [Partition(*each) for each in connection.execute(query)]
            self._known = tuple(known)
        return [*known, _ARCHIVE] if has_archive else known

    def below(self, connection: Connection, height: Height | None) -> Iterator[Partition]:
        """Yield the partitions with blocks up to a height, newest first; all for None."""
        for partition in self.partitions(connection):
            if height is None or partition.first_height <= height:
                yield partition

    def at(self, connection: Connection, height: Height) -> Partition | None:
        """Return the partition that a height belongs to."""
        if not height_in_range(height):
            return None
        return next(self.below(connection, height), None)

    def with_id(
        self, connection: Connection, object_id: bytes, height: Height | None = None
    ) -> Iterator[Partition]:
        """Yield the partitions that can hold an id up to a height, newest first."""
        mark = mark_of_prefix(id_prefix(object_id))
        return self._with_marks(connection, DigestKind.IDS, (mark, mark), height)

    def with_ids(
        self, connection: Connection, object_ids: Collection[bytes]
    ) -> Iterator[Partition]:
        """Yield the partitions that can hold one of some ids, newest first.

        What was found meanwhile may be taken out of `object_ids`; of few that are left the digests
        are asked, of many that are left each partition.
        """
        partitions = self.partitions(connection)
        if not partitions:
            return
        newest, *closed = partitions
        yield newest
        if len(object_ids) > DIGESTS_ASKED_MAX:
            yield from closed
            return
        numbers = {ARCHIVE}
        for object_id in object_ids:
            mark = mark_of_prefix(id_prefix(object_id))
            numbers |= partitions_with(connection, DigestKind.IDS, mark, mark)
        yield from (partition for partition in closed if partition.number in numbers)

    def with_digits(self, connection: Connection, digits: str) -> Iterator[Partition]:
        """Yield the partitions that can hold an id that starts with some hex digits."""
        return self._with_marks(connection, DigestKind.IDS, marks_of_digits(digits), None)

    def with_account(
        self, connection: Connection, address: Address, height: Height | None
    ) -> Iterator[Partition]:
        """Yield the partitions that can hold activity of an account up to a height."""
        mark = mark_of_address(address)
        return self._with_marks(connection, DigestKind.ACCOUNTS, (mark, mark), height)

    def _with_marks(
        self,
        connection: Connection,
        kind: DigestKind,
        marks: tuple[int, int],
        height: Height | None,
    ) -> Iterator[Partition]:
        """Yield those whose digest has a mark in a range, and those without a digest.

        The digests are read when the newest partition was not enough.
        """
        partitions = self.partitions(connection)
        if not partitions:
            return
        newest, *closed = partitions
        if height is None or newest.first_height <= height:
            yield newest
        if not closed:
            return
        numbers = partitions_with(connection, kind, *marks) | {ARCHIVE}
        for partition in closed:
            in_reach = height is None or partition.first_height <= height
            if in_reach and partition.number in numbers:
                yield partition
