"""Lists of receipts: the index, and on top of it final blocks that the index has not reached."""

import re
from typing import Final

from sqlalchemy import Connection

from coordinator.database.tables import receipts
from coordinator.errors import InvalidRequest
from coordinator.receipts.model import ReceiptView
from coordinator.receipts.views import OWN, index_view, own_view
from ledger.store import IndexReader, ReceiptRow
from ledger.types import Address, Height

Place = tuple[int, int]
"""Height and index in the block; pages go from newer to older places."""

_CURSOR: Final = re.compile(r"\Ar([0-9]{1,15})\.([0-9]{1,6})\Z")


def parse_cursor(cursor: str) -> Place:
    """Return the place that a cursor names.

    Raises:
        InvalidRequest: it is none that `cursor_of` made.
    """
    match = _CURSOR.match(cursor)
    if match is None:
        raise InvalidRequest.at("cursor", "is none that this list returned", "INVALID_CURSOR")
    return int(match[1]), int(match[2])


def cursor_of(place: Place) -> str:
    """Return the cursor of a page that ends at a place."""
    return f"r{place[0]}.{place[1]}"


def own_above(
    connection: Connection,
    index: IndexReader,
    indexed: Height,
    *,
    before: Place | None,
    limit: int,
    client: Address | None,
    provider: Address | None,
) -> list[tuple[Place, ReceiptView]]:
    """Return receipts of this coordinator in blocks that the index has not reached."""
    query = OWN.where(receipts.c.height > indexed)
    if client is not None:
        query = query.where(receipts.c.client == client)
    if provider is not None:
        query = query.where(receipts.c.miner == provider)
    newest_first = query.order_by(receipts.c.height.desc(), receipts.c.position.desc())
    found = []
    for row in connection.execute(newest_first):
        place = (row.height, row.position)
        if before is None or place < before:
            found.append((place, own_view(connection, index, row)))
        if len(found) == limit:
            break
    return found


def indexed_below(
    index: IndexReader,
    before: Place | None,
    limit: int,
    client: Address | None,
    provider: Address | None,
) -> list[tuple[Place, ReceiptView]]:
    """Return receipts that the index knows."""
    rows = index.receipts(before, limit, client=client, provider=provider)
    return [((row.position.height, row.position.entry), of_index(index, row)) for row in rows]


def of_index(index: IndexReader, row: ReceiptRow) -> ReceiptView:
    """Return the view of an indexed receipt, with its signed transaction and its job's service."""
    transaction = index.transaction(row.receipt_id)
    assert transaction is not None, "an indexed receipt is an indexed transaction"
    job = index.job(row.job_id)
    return index_view(index, row, transaction, "" if job is None else job.service)
