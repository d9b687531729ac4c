"""Types on the wire of balances and statements."""

from typing import Final

from coordinator.accounts.model import Account, Balance, EntryKind, Line, Statement, Totals
from coordinator.http.money import format_text
from coordinator.http.times import format_time
from coordinator.wire import MoneyText, TimeText, View, job_text, receipt_text, transaction_text
from ledger.keys import format_address

_NOTHING: Final = "0.00"


class AccountBalance(View, kw_only=True, frozen=True):
    """What the caller has, in AITBC."""

    address: str
    """Its wallet on the chain."""
    available: MoneyText
    """What it may spend now."""
    reserved: MoneyText
    """What is its own and cannot be spent now: `pooled` and `escrowed`."""
    pooled: MoneyText
    """What its transactions take that are not final yet."""
    escrowed: MoneyText
    """What is in escrow for its live jobs."""
    as_of_height: int
    """Height of the final block that this follows."""


class StatementAccount(View, kw_only=True, frozen=True):
    """An account of a statement."""

    address: str
    """Its address on the chain."""
    miner_id: str | None
    """The miner that it pays; null for the caller's wallet."""


class StatementTotals(View, kw_only=True, frozen=True):
    """Sums over the whole period, in AITBC."""

    jobs: int
    """Jobs that were ordered."""
    escrowed: MoneyText
    """Locked for jobs."""
    refunded: MoneyText
    """Back from escrows."""
    earned: MoneyText
    """Pay of miners."""
    fees: MoneyText
    """Fees of transactions."""
    received: MoneyText
    """Transfers from others, returned bonds, and new units."""
    sent: MoneyText
    """Transfers to others, and bonds."""


class StatementLine(View, kw_only=True, frozen=True):
    """Something that came or went, in AITBC, with what proves it."""

    at: TimeText
    """Time of its block."""
    kind: EntryKind
    """Why."""
    account: str
    """Whose balance it changed."""
    credit: MoneyText
    """What came."""
    debit: MoneyText
    """What went, without the fee."""
    fee: MoneyText
    """What went to the proposer of the block."""
    balance: MoneyText
    """What was on all accounts of the statement after it."""
    job_id: str | None
    """Job that it was for."""
    service: str | None
    """Service of that job."""
    label: str
    """Name of that job."""
    height: int
    """Block that did it."""
    outcome: int | None
    """Place of the block's outcome record that proves what came; null for what a transaction
    spent."""
    transaction_id: str | None
    """Transaction that did it; null for what the chain did by itself."""
    receipt_id: str | None
    """Receipt of the job."""
    proof: str
    """Path of the proof bundle of it: of its outcome record, or else of its transaction."""
    receipt: str | None
    """Path of the job's receipt."""


class AccountStatement(View, kw_only=True, frozen=True):
    """A period of the caller's accounts: opening, lines and closing add up exactly."""

    period_start: TimeText
    """Begin of the period."""
    period_end: TimeText
    """Its end, which is not in it."""
    as_of_height: int
    """Height of the final block that this follows."""
    accounts: list[StatementAccount]
    """The accounts."""
    opening_balance: MoneyText
    """What was on them before the period."""
    closing_balance: MoneyText
    """What was on them at its end."""
    totals: StatementTotals
    """Sums over the whole period."""
    lines: list[StatementLine]
    """Lines, oldest first."""
    next_cursor: str | None
    """`cursor` of the lines that follow; null if these are the last ones."""


def balance_view(balance: Balance) -> AccountBalance:
    """Return a balance."""
    return AccountBalance(
        address=format_address(balance.address),
        available=format_text(balance.available),
        reserved=format_text(balance.reserved),
        pooled=format_text(balance.pooled),
        escrowed=format_text(balance.escrowed),
        as_of_height=balance.as_of_height,
    )


def statement_view(statement: Statement, prefix: str) -> AccountStatement:
    """Return a statement.

    Args:
        statement: what came and went.
        prefix: what stood before `/v1` in the caller's path; its links lead there too.
    """
    return AccountStatement(
        period_start=format_time(statement.from_ms),
        period_end=format_time(statement.to_ms),
        as_of_height=statement.as_of_height,
        accounts=[_account(account) for account in statement.accounts],
        opening_balance=format_text(statement.opening),
        closing_balance=format_text(statement.closing),
        totals=_totals(statement.totals),
        lines=[line_view(line, prefix) for line in statement.lines],
        next_cursor=statement.next_cursor,
    )


def line_view(line: Line, prefix: str) -> StatementLine:
    """Return a line; see `statement_view`."""
    transaction = None if line.transaction_id is None else transaction_text(line.transaction_id)
    receipt = None if line.receipt_id is None else receipt_text(line.receipt_id)
    # What was credited is in no transaction: the record of the block's outcome says it (J28).
    of_outcome = line.outcome is not None
    proved = f"outcome/{line.height}/{line.outcome}" if of_outcome else f"transaction/{transaction}"
    return StatementLine(
        at=format_time(line.timestamp_ms),
        kind=line.kind,
        account=format_address(line.account.address),
        credit=format_text(line.amount) if line.amount > 0 else _NOTHING,
        debit=format_text(-line.amount) if line.amount < 0 else _NOTHING,
        fee=format_text(line.fee),
        balance=format_text(line.balance),
        job_id=None if line.job_id is None else job_text(line.job_id),
        service=line.service,
        label=line.label,
        height=line.height,
        outcome=line.outcome,
        transaction_id=transaction,
        receipt_id=receipt,
        proof=f"{prefix}/v1/proofs/{proved}",
        receipt=None if receipt is None else f"{prefix}/v1/receipts/{receipt}",
    )


def _account(account: Account) -> StatementAccount:
    return StatementAccount(address=format_address(account.address), miner_id=account.miner)


def _totals(totals: Totals) -> StatementTotals:
    return StatementTotals(
        jobs=totals.jobs,
        escrowed=format_text(totals.escrowed),
        refunded=format_text(totals.refunded),
        earned=format_text(totals.earned),
        fees=format_text(totals.fees),
        received=format_text(totals.received),
        sent=format_text(totals.sent),
    )
