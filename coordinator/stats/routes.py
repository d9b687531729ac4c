"""Routes of statistics, and the explorer's JSON arrays: public, newest first."""

import asyncio
from collections.abc import Sequence
from typing import Final

from litestar import Response, get
from litestar.params import FromPath

from coordinator.errors import MinerNotFound, Unavailable
from coordinator.http import (
    PUBLIC,
    Answer,
    HttpRequest,
    Operation,
    answer,
    declared,
    exchange_of,
    same,
)
from coordinator.http.context import Given
from coordinator.http.paging import (
    Position,
    cursor_parameter,
    encode_cursor,
    give_cursor,
    next_link,
    read_cursor,
)
from coordinator.http.query import CURSOR, limit_declaration, number_parameter
from coordinator.presenters import presenter_of
from coordinator.stats.schemas import (
    Block,
    MarketplaceStats,
    MinerStats,
    NetworkStats,
    Transaction,
    block_view,
    market_view,
    miner_stats_view,
    stats_view,
    transaction_view,
)
from coordinator.values import ApiVersion

_DOCUMENTED: Final[frozenset[ApiVersion]] = frozenset({"2026-01-24"})

_MARKETPLACE: Final[frozenset[ApiVersion]] = frozenset({"2024-01-01"})

_EXTENDED: Final[ApiVersion] = "2026-05-11"
"""The version that shows what no document has (V5)."""

_BLOCKS: Final = "blocks"
_TRANSACTIONS: Final = "transactions"
"""What cursors belong to; those of receipts are the same here and at `/v1/receipts`."""

_DEFAULT: Final = 10
_MAXIMUM: Final = 100

STATS: Final = Operation(
    summary="Get network statistics",
    tag="Explorer",
    access=PUBLIC,
    documents=_DOCUMENTED,
    answers={200: Answer("Network stats", same(NetworkStats))},
)

MARKET_STATS: Final = Operation(
    summary="Get marketplace statistics",
    tag="Marketplace",
    access=PUBLIC,
    documents=_MARKETPLACE,
    description="Jobs of this coordinator. Cancelled and expired ones are outside `total_jobs`.",
    answers={200: Answer("Marketplace statistics", same(MarketplaceStats))},
)

MINER_STATS: Final = Operation(
    summary="Get a miner's statistics",
    tag="Marketplace",
    access=PUBLIC,
    documents=_MARKETPLACE,
    description="What it did for jobs of this coordinator. Version 2026-05-11 shows the counts "
    "behind its reputation, by service.",
    answers={200: Answer("Miner statistics", same(MinerStats))},
    errors=(MinerNotFound,),
)

BLOCKS: Final = Operation(
    summary="Get recent blocks",
    tag="Explorer",
    access=PUBLIC,
    documents=_DOCUMENTED,
    parameters=(limit_declaration(_DEFAULT, _MAXIMUM), CURSOR),
    answers={200: Answer("List of blocks", same(list[Block]))},
)

TRANSACTIONS: Final = Operation(
    summary="Get recent transactions",
    tag="Explorer",
    access=PUBLIC,
    documents=_DOCUMENTED,
    parameters=(limit_declaration(_DEFAULT, _MAXIMUM), CURSOR),
    answers={200: Answer("List of transactions", same(list[Transaction]))},
)

RECEIPTS: Final = Operation(
    summary="Get recent receipts",
    tag="Explorer",
    access=PUBLIC,
    documents=_DOCUMENTED,
    parameters=(limit_declaration(_DEFAULT, _MAXIMUM), CURSOR),
    answers={200: Answer("List of receipts", lambda wire: wire.receipt_list)},
    errors=(Unavailable,),
)


@get(["/v1/stats", "/explorer/stats"], opt=declared(STATS))
async def get_stats(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return counts of the network."""
    stats = await context.services.stats.network()
    return answer(request, stats_view(stats), as_of_height=stats.as_of_height)


@get("/v1/marketplace/stats", opt=declared(MARKET_STATS))
async def get_market_stats(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return counts of the marketplace."""
    stats = await context.services.stats.market()
    view = market_view(stats, extended=_is_extended(request))
    return answer(request, view, as_of_height=stats.as_of_height)


@get("/v1/miners/{miner_id:str}/stats", opt=declared(MINER_STATS))
async def get_miner_stats(
    request: HttpRequest, context: Given, miner_id: FromPath[str]
) -> Response[bytes]:
    """Return what a miner did."""
    stats = await context.services.stats.miner(miner_id)
    view = miner_stats_view(stats, extended=_is_extended(request))
    return answer(request, view, as_of_height=stats.as_of_height)


@get("/explorer/blocks", opt=declared(BLOCKS))
async def list_blocks(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return recent blocks."""
    position = cursor_parameter(request, _BLOCKS, [int])
    before = None if position is None else int(position[0])
    limit = _limit(request)
    rows = await asyncio.to_thread(context.index.blocks, before, limit + 1)
    return answer(
        request,
        [block_view(row) for row in rows[:limit]],
        as_of_height=rows[0].height if rows else None,
        headers=_next(request, _BLOCKS, [(row.height,) for row in rows], limit),
    )


@get("/explorer/transactions", opt=declared(TRANSACTIONS))
async def list_transactions(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return recent transactions."""
    position = cursor_parameter(request, _TRANSACTIONS, [int, int])
    before = None if position is None else (int(position[0]), int(position[1]))
    limit = _limit(request)
    rows = await asyncio.to_thread(context.index.transactions, before, limit + 1)
    places = [(row.height, row.index) for row in rows]
    return answer(
        request,
        [transaction_view(row) for row in rows[:limit]],
        headers=_next(request, _TRANSACTIONS, places, limit),
    )


@get("/explorer/receipts", opt=declared(RECEIPTS))
async def list_receipts(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return recent receipts."""
    presenter = presenter_of(exchange_of(request).by_route())
    page = await context.services.receipts.list(
        limit=_limit(request), cursor=read_cursor(request, "receipts")
    )
    return answer(
        request,
        presenter.receipt_list(page.items),
        as_of_height=page.as_of_height,
        headers=next_link(request, give_cursor("receipts", page.next_cursor)),
    )


def _is_extended(request: HttpRequest) -> bool:
    return exchange_of(request).by_route() == _EXTENDED


def _limit(request: HttpRequest) -> int:
    return number_parameter(request, "limit", default=_DEFAULT, least=1, most=_MAXIMUM)


def _next(
    request: HttpRequest, of_list: str, places: Sequence[Position], limit: int
) -> dict[str, str]:
    """Return the link to the page after one that was read with one item too many."""
    more = len(places) > limit
    return next_link(request, encode_cursor(of_list, places[limit - 1]) if more else None)


HANDLERS: Final = (
    get_stats,
    get_market_stats,
    get_miner_stats,
    list_blocks,
    list_transactions,
    list_receipts,
)
"""The routes of this slice."""
