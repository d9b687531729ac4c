"""What made a block final, whether it is stored whole or summarised."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Table, select

from ledger.store.chain_tables import BLOCKS, SUMMARIES
from ledger.types import Height

_ONE_BY_ONE: Final = {"yield_per": 1}


@dataclass(frozen=True, slots=True)
class StoredFinality:
    """Headers from a block up to the first that has a finalization of its own."""

    headers: tuple[bytes, ...]
    """Canonical bytes; children follow parents."""
    certificate: bytes
    """Finalization of the last of them; empty if none was found."""
    is_newest: bool
    """Whether the chain ends with the last of them, as far as it is stored."""


def stored_finality(connection: Connection, height: Height, headers_max: int) -> StoredFinality:
    """Return what made the block of a height final.

    The headers end before the certificate if there are `headers_max` of them, if the next one is
    not kept here (S11), or if the chain ends.
    """
    headers: list[bytes] = []
    with closing(_rows(connection, height, headers_max)) as rows:
        for at, header, certificate in rows:
            if at != height + len(headers):
                return StoredFinality(tuple(headers), b"", is_newest=False)
            headers.append(header)
            if certificate:
                return StoredFinality(tuple(headers), certificate, is_newest=False)
    is_newest = len(headers) < headers_max
    return StoredFinality(tuple(headers), b"", is_newest=is_newest)


def _rows(
    connection: Connection, height: Height, rows_max: int
) -> Generator[tuple[Height, bytes, bytes], None, None]:
    """Yield height, header and certificate of blocks from a height on: summaries come first."""
    left = rows_max
    for table in (SUMMARIES, BLOCKS):
        for row in _rows_of(connection, table, height, left):
            yield row
            left -= 1
            height = row[0] + 1


def _rows_of(
    connection: Connection, table: Table, height: Height, rows_max: int
) -> Generator[tuple[Height, bytes, bytes], None, None]:
    columns = table.c
    query = select(columns.height, columns.header, columns.certificate)
    query = query.where(columns.height >= height).order_by(columns.height).limit(rows_max)
    with connection.execute(query, execution_options=_ONE_BY_ONE) as rows:
        for row in rows:
            yield row.height, row.header, row.certificate
