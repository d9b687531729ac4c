"""Routes of accounts: balance and statements."""

from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from litestar import Response, get

from coordinator.accounts.model import Statement
from coordinator.accounts.reading import Wanted
from coordinator.accounts.schemas import (
    AccountBalance,
    AccountStatement,
    balance_view,
    line_view,
    statement_view,
)
from coordinator.accounts.service import LINES_MAX
from coordinator.accounts.sheet import sheet_of
from coordinator.clients import Scope
from coordinator.errors import MinerNotFound, Unavailable
from coordinator.http import (
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    answer,
    declared,
    exchange_of,
    same,
)
from coordinator.http.context import Given
from coordinator.http.faults import FieldInvalid
from coordinator.http.operation import ANY_KEY, READER
from coordinator.http.paging import give_cursor, read_cursor
from coordinator.http.query import CURSOR, limit_declaration, number_parameter, text_parameter
from coordinator.http.times import TimeInvalid, format_time, parse_time
from ledger.types import TimestampMs

CSV: Final = "text/csv"

_LIST: Final = "statements"
"""What its cursors belong to, in either form."""

_LINES_DEFAULT: Final = 100

_PERIOD_DEFAULT_MS: Final = 30 * 86_400_000

_TIME: Final = {"type": "string", "format": "date-time"}

_PARAMETERS: Final = (
    Parameter("from", "Begin of the period; 30 days before its end if absent.", {**_TIME}),
    Parameter("to", "End of the period, which is not in it; now if absent.", {**_TIME}),
    Parameter(
        "miner_id",
        "Only what this miner of the caller earned and paid; else all accounts.",
        {"type": "string"},
    ),
    limit_declaration(_LINES_DEFAULT, LINES_MAX),
    CURSOR,
)

BALANCE: Final = Operation(
    summary="Get the caller's balance",
    tag="Accounts",
    access=READER | {Scope.WALLET},
    description="What may be spent now, and what is reserved: taken by transactions that are not "
    "final yet, or in escrow for jobs that did not end. All of it as of one final block.",
    answers={200: Answer("Balance", same(AccountBalance))},
    errors=(Unavailable,),
)

STATEMENT: Final = Operation(
    summary="Get a statement",
    tag="Accounts",
    access=ANY_KEY,
    description="Everything that came or went on the caller's accounts in a period, each line "
    "with what proves it on the chain. The opening balance and the lines add up to the closing "
    "balance exactly.",
    parameters=_PARAMETERS,
    answers={200: Answer("Statement", same(AccountStatement))},
    errors=(MinerNotFound, Unavailable),
)

SHEET: Final = Operation(
    summary="Get a statement as CSV",
    tag="Accounts",
    access=ANY_KEY,
    description="The lines of the same statement for a spreadsheet; the header `Link` leads to "
    "those that follow. Cells that a spreadsheet would take for a formula begin with an "
    "apostrophe.",
    parameters=_PARAMETERS,
    answers={200: Answer("Lines of the statement", same(str), media_type=CSV)},
    errors=(MinerNotFound, Unavailable),
)


@get("/v1/clients/me/balance", opt=declared(BALANCE))
async def get_balance(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return what the caller has."""
    balance = await context.services.accounts.balance(exchange_of(request).caller)
    return answer(request, balance_view(balance), as_of_height=balance.as_of_height)


@get("/v1/statements", opt=declared(STATEMENT))
async def get_statement(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return a statement."""
    statement, link = await _statement(request, context, "/v1/statements")
    view = statement_view(statement, exchange_of(request).prefix)
    return answer(request, view, as_of_height=statement.as_of_height, headers=link)


@get("/v1/statements.csv", opt=declared(SHEET))
async def get_sheet(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return a statement's lines for a spreadsheet."""
    statement, link = await _statement(request, context, "/v1/statements.csv")
    exchange = exchange_of(request)
    exchange.as_of_height = statement.as_of_height
    name = f"statement-{format_time(statement.from_ms)[:10]}.csv"
    return Response(
        content=sheet_of(line_view(line, exchange.prefix) for line in statement.lines),
        media_type=CSV,
        headers={"content-disposition": f'attachment; filename="{name}"', **link},
    )


async def _statement(
    request: HttpRequest, context: Given, path: str
) -> tuple[Statement, dict[str, str]]:
    """Return the statement that a request asks for, and the header that leads on."""
    moment = context.services.core.moments.now()
    # Blocks may be ahead of this clock; what is final is in the statement.
    now_ms = max(moment.now_ms, moment.chain_ms) // 1_000 * 1_000 + 1_000
    to_ms = _time_parameter(request, "to", now_ms)
    from_ms = _time_parameter(request, "from", max(0, to_ms - _PERIOD_DEFAULT_MS))
    limit = number_parameter(request, "limit", default=_LINES_DEFAULT, least=1, most=LINES_MAX)
    miner = text_parameter(request, "miner_id")
    wanted = Wanted(from_ms, to_ms, limit, read_cursor(request, _LIST))
    statement = await context.services.accounts.statement(
        exchange_of(request).caller, wanted, miner=miner
    )
    cursor = give_cursor(_LIST, statement.next_cursor)
    if cursor is None:
        return statement, {}
    statement = replace(statement, next_cursor=cursor)
    asked = {"from": format_time(from_ms), "to": format_time(to_ms), "limit": limit}
    if miner is not None:
        asked["miner_id"] = miner
    query = urlencode({**asked, "cursor": cursor})
    return statement, {"link": f'<{exchange_of(request).prefix}{path}?{query}>; rel="next"'}


def _time_parameter(request: HttpRequest, name: str, default: TimestampMs) -> TimestampMs:
    text = text_parameter(request, name)
    if text is None:
        return default
    try:
        # Whole seconds, so that a link shows the same period.
        return parse_time(text) // 1_000 * 1_000
    except TimeInvalid as error:
        raise FieldInvalid(name, str(error)) from None


HANDLERS: Final = (get_balance, get_statement, get_sheet)
"""The routes of this slice."""
