"""The caller's money: balance and statements."""

from typing import Final

from aitbc.answers import Balance, Statement, StatementLine
from aitbc.exchange import Emit, Flow, Query, Request, Session, Stream, ask, ask_page
from aitbc.json_values import typed_list

LINES_MAX: Final = 1_000
"""Most lines of a statement's page."""


def get_balance(session: Session) -> Flow[Balance]:
    """Return what the caller may spend, and what is reserved."""
    return (yield from ask(session, Request("GET", "/v1/clients/me/balance"), Balance))


def get_statement(
    session: Session,
    *,
    begin: str | None = None,
    end: str | None = None,
    miner_id: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Flow[Statement]:
    """Return what came and went in a period, each line with what proves it.

    Args:
        session: the client's.
        begin: begin of the period, RFC 3339; 30 days before its end when None.
        end: end of the period, which is not in it; now when None.
        miner_id: only what this miner of the caller earned and paid.
        limit: most lines.
        cursor: ``next_cursor`` of the page before.
    """
    params = _period(begin, end, miner_id, limit, cursor)
    request = Request("GET", "/v1/statements", params=params)
    statement = yield from ask(session, request, Statement)
    statement["lines"] = typed_list(statement["lines"], StatementLine)
    return statement


def iterate_statement(
    session: Session,
    *,
    begin: str | None = None,
    end: str | None = None,
    miner_id: str | None = None,
) -> Stream[StatementLine]:
    """Iterate over all lines of a period, oldest first; see `get_statement`."""
    cursor: str | None = None
    while True:
        page = yield from get_statement(
            session, begin=begin, end=end, miner_id=miner_id, limit=LINES_MAX, cursor=cursor
        )
        # An open period stays the one that the first page was of.
        begin, end = page["period_start"], page["period_end"]
        for line in page["lines"]:
            yield Emit(line)
        cursor = page.next_cursor
        if cursor is None:
            return


def iterate_statement_csv(
    session: Session,
    *,
    begin: str | None = None,
    end: str | None = None,
    miner_id: str | None = None,
) -> Stream[str]:
    """Iterate over the pieces of a statement as CSV for a spreadsheet; see `get_statement`.

    The pieces one after another are one sheet, whose first line has the names of its columns.
    """
    query: Query | None = _period(begin, end, miner_id, LINES_MAX, None)
    is_first = True
    while query is not None:
        request = Request("GET", "/v1/statements.csv", params=query)
        body, query = yield from ask_page(session, request)
        sheet = body.decode(errors="replace")
        yield Emit(sheet if is_first else sheet.partition("\n")[2])
        is_first = False


def _period(
    begin: str | None, end: str | None, miner_id: str | None, limit: int, cursor: str | None
) -> dict[str, str | int]:
    params: dict[str, str | int] = {"limit": limit}
    named = {"from": begin, "to": end, "miner_id": miner_id, "cursor": cursor}
    return params | {name: text for name, text in named.items() if text is not None}
