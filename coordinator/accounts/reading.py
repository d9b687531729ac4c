"""Statements and balances, read from the tables: inside the caller's snapshot."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from coordinator.accounts.model import Account, EntryKind, Line, Statement, Totals
from coordinator.clients.store import find_client
from coordinator.database.account_tables import account_entries as entries
from coordinator.database.tables import jobs, miners
from coordinator.errors import InvalidRequest, MinerNotFound
from ledger.types import Address, Amount, Height, TimestampMs

_CURSOR: Final = re.compile(r"\Al([1-9][0-9]{0,17})\Z")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of which statement is read."""

    from_ms: TimestampMs
    """Begin of the period."""
    to_ms: TimestampMs
    """Its end, which is not in it."""
    limit: int
    """Most lines."""
    cursor: str | None
    """Where to go on; None for the beginning."""


def accounts_of(connection: Connection, client_id: str, miner: str | None) -> tuple[Account, ...]:
    """Return the accounts of a client: its wallet first, then its miners'; or one miner's.

    Raises:
        MinerNotFound: the client has no miner of this name.
    """
    owned = select(miners.c.address, miners.c.name).where(miners.c.client_id == client_id)
    found = [
        Account(row.address, row.name)
        for row in connection.execute(owned.order_by(miners.c.created_ms, miners.c.name_key))
    ]
    if miner is not None:
        named = [account for account in found if (account.miner or "").lower() == miner.lower()]
        if not named:
            raise MinerNotFound
        return tuple(named)
    client = find_client(connection, client_id)
    assert client is not None, "a principal is a client"
    return (Account(client.address, None), *found)


def read_statement(
    connection: Connection,
    accounts: Sequence[Account],
    wanted: Wanted,
    *,
    height: Height,
    balances: Mapping[Address, Amount],
) -> Statement:
    """Return part of a statement.

    Args:
        connection: reads one snapshot that holds the effects of block `height` or of later ones.
        accounts: whose.
        wanted: which part.
        height: the statement is as of this block; entries of later ones are left out.
        balances: what the accounts have on the chain after that block.

    Raises:
        InvalidRequest: the cursor is none of this function's.
    """
    scope = and_(
        entries.c.address.in_([account.address for account in accounts]),
        entries.c.height <= height,
    )
    within = and_(
        scope, entries.c.timestamp_ms >= wanted.from_ms, entries.c.timestamp_ms < wanted.to_ms
    )
    # What an account had before its first entry: nothing, unless its key is the miner's own.
    before_all = sum(balances.values()) - _level(connection, accounts, height, None)
    opening = before_all + _level(connection, accounts, height, wanted.from_ms)
    after = _after(wanted.cursor)
    before_page = _sum(connection, and_(within, entries.c.seq <= after))
    page = _page(connection, and_(within, entries.c.seq > after), wanted.limit + 1)
    lines = _lines(page[: wanted.limit], accounts, opening + before_page)
    return Statement(
        accounts=tuple(accounts),
        from_ms=wanted.from_ms,
        to_ms=wanted.to_ms,
        opening=opening,
        closing=before_all + _level(connection, accounts, height, wanted.to_ms),
        totals=_totals(connection, within),
        lines=lines,
        next_cursor=f"l{lines[-1].seq}" if len(page) > wanted.limit else None,
        as_of_height=height,
    )


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    match = _CURSOR.match(cursor)
    if match is None:
        raise InvalidRequest.at("cursor", "is none that a statement gave", "INVALID_CURSOR")
    return int(match[1])


def _level(
    connection: Connection,
    accounts: Sequence[Account],
    height: Height,
    before_ms: TimestampMs | None,
) -> int:
    """Return what the entries of some accounts add up to at a time, or in all."""
    total = 0
    for account in accounts:
        query = select(entries.c.balance).where(
            entries.c.address == account.address, entries.c.height <= height
        )
        if before_ms is not None:
            query = query.where(entries.c.timestamp_ms < before_ms)
        newest = query.order_by(entries.c.timestamp_ms.desc(), entries.c.seq.desc()).limit(1)
        total += connection.execute(newest).scalar_one_or_none() or 0
    return total


def _sum(connection: Connection, fits: ColumnElement[bool]) -> int:
    total = func.coalesce(func.sum(entries.c.amount - entries.c.fee), 0)
    return int(connection.execute(select(total).where(fits)).scalar_one())


def _page(
    connection: Connection, fits: ColumnElement[bool], limit: int
) -> Sequence[Row[tuple[object, ...]]]:
    query = (
        select(entries, jobs.c.service, jobs.c.spec, jobs.c.receipt_id)
        .select_from(entries.outerjoin(jobs, jobs.c.job_id == entries.c.job_id))
        .where(fits)
        .order_by(entries.c.seq)
        .limit(limit)
    )
    return connection.execute(query).all()


def _lines(
    rows: Sequence[Row[tuple[object, ...]]], accounts: Sequence[Account], balance: int
) -> tuple[Line, ...]:
    by_address = {account.address: account for account in accounts}
    lines = []
    for row in rows:
        balance += row.amount - row.fee
        lines.append(
            Line(
                seq=row.seq,
                account=by_address[row.address],
                kind=EntryKind(row.kind),
                amount=row.amount,
                fee=row.fee,
                balance=balance,
                timestamp_ms=row.timestamp_ms,
                height=row.height,
                outcome=row.outcome,
                transaction_id=row.transaction_id,
                job_id=row.job_id,
                service=row.service,
                label="" if row.spec is None else str(json.loads(row.spec).get("label", "")),
                receipt_id=row.receipt_id,
            )
        )
    return tuple(lines)


def _totals(connection: Connection, within: ColumnElement[bool]) -> Totals:
    query = (
        select(
            entries.c.kind,
            func.count().label("number"),
            func.sum(entries.c.amount).label("amount"),
            func.sum(entries.c.fee).label("fee"),
        )
        .where(within)
        .group_by(entries.c.kind)
    )
    found = {EntryKind(row.kind): row for row in connection.execute(query)}

    def amount(*kinds: EntryKind) -> int:
        return sum(abs(int(found[kind].amount)) for kind in kinds if kind in found)

    escrows = found.get(EntryKind.ESCROW)
    return Totals(
        jobs=0 if escrows is None else escrows.number,
        escrowed=amount(EntryKind.ESCROW),
        refunded=amount(EntryKind.REFUND),
        earned=amount(EntryKind.EARNING),
        fees=sum(int(row.fee) for row in found.values()),
        received=amount(EntryKind.RECEIVED, EntryKind.BOND_RETURNED, EntryKind.ISSUED),
        sent=amount(EntryKind.SENT, EntryKind.BOND),
    )
