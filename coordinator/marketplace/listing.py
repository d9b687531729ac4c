"""Reading offers: the open ones, the cheapest first."""

import json
import re
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection, and_, or_, select

from coordinator.database.marketplace_tables import offers
from coordinator.database.tables import miners
from coordinator.errors import InvalidRequest
from coordinator.follower import followed_height
from coordinator.marketplace.model import OfferPage, OfferStatus, OfferView
from coordinator.marketplace.store import AnyRow
from coordinator.stats.records import reputations
from ledger.keys import format_address
from ledger.types import Address, Amount, Hash, TimestampMs

_CURSOR: Final = re.compile(r"\Ao([0-9]{1,19})-([1-9][0-9]{0,17})\Z")

_SHOWN: Final = (*offers.c, miners.c.name)


def list_offers(
    connection: Connection,
    *,
    job_type: str | None,
    max_price: Amount | None,
    now_ms: TimestampMs,
    limit: int,
    cursor: str | None,
) -> OfferPage:
    """Return part of the offers that can be accepted now.

    Args:
        connection: reads.
        job_type: only offers of it; a hyphen and an underscore are the same (S1).
        max_price: only offers of at most so many nait a job.
        now_ms: the coordinator's clock.
        limit: most offers.
        cursor: of the page before.

    Raises:
        InvalidRequest: the cursor is none that this function made.
    """
    wanted = [
        offers.c.status == OfferStatus.ACTIVE.value,
        offers.c.slots_left > offers.c.reserved,
        offers.c.expires_ms >= now_ms,
        # A job needs its miner here to fetch it.
        miners.c.is_active,
        ~miners.c.is_draining,
    ]
    if job_type is not None:
        spellings = {job_type.replace("-", "_"), job_type.replace("_", "-"), job_type}
        wanted.append(offers.c.job_type.in_(spellings))
    if max_price is not None:
        wanted.append(offers.c.price <= max_price)
    if cursor is not None:
        price, seq = _parse(cursor)
        later = and_(offers.c.price == price, offers.c.seq > seq)
        wanted.append(or_(offers.c.price > price, later))
    query = (
        select(*_SHOWN)
        .join(miners, miners.c.address == offers.c.miner)
        .where(*wanted)
        .order_by(offers.c.price, offers.c.seq)
        # One more than asked for tells whether there are more.
        .limit(limit + 1)
    )
    rows = connection.execute(query).all()
    shown = rows[:limit]
    more = len(rows) > limit
    return OfferPage(
        items=tuple(_views(connection, shown, now_ms)),
        next_cursor=f"o{shown[-1].price}-{shown[-1].seq}" if more else None,
        as_of_height=followed_height(connection),
    )


def offer_view(connection: Connection, offer_id: Hash, now_ms: TimestampMs) -> OfferView | None:
    """Return an offer that is or was on the chain."""
    query = (
        select(*_SHOWN)
        .outerjoin(miners, miners.c.address == offers.c.miner)
        .where(offers.c.offer_id == offer_id, offers.c.status != OfferStatus.PENDING.value)
    )
    views = _views(connection, connection.execute(query).all(), now_ms)
    return views[0] if views else None


def _views(connection: Connection, rows: Sequence[AnyRow], now_ms: TimestampMs) -> list[OfferView]:
    addresses: Collection[Address] = {row.miner for row in rows}
    known = reputations(connection, addresses, now_ms)
    return [_view(row, known.get(row.miner, 0.0), now_ms) for row in rows]


def _view(row: AnyRow, reputation: float, now_ms: TimestampMs) -> OfferView:
    status = OfferStatus(row.status)
    if status is OfferStatus.ACTIVE and row.expires_ms < now_ms:
        status = OfferStatus.EXPIRED  # The chain's sweep is about to say so.
    return OfferView(
        offer_id=row.offer_id,
        miner=row.name or format_address(row.miner),
        job_type=row.job_type,
        price=row.price,
        max_jobs=row.capacity,
        jobs_left=max(0, row.slots_left - row.reserved),
        requirements=None if row.requirements is None else json.loads(row.requirements),
        requirements_digest=row.requirements_digest,
        status=status,
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        reputation=reputation,
    )


def _parse(cursor: str) -> tuple[Amount, int]:
    match = _CURSOR.match(cursor)
    if match is None or int(match[1]) >= 2**63:
        raise InvalidRequest.at("cursor", "is none that this list returned", "INVALID_CURSOR")
    return int(match[1]), int(match[2])
