"""Balances and statements. Amounts are decimal texts of AITBC.

Members that may be absent are declared with ``| None``.
"""

from typing import Any

from aitbc.json_values import Answer


class Balance(Answer):
    """What the caller has."""

    address: str
    """Its wallet on the chain."""
    available: str
    """What it may spend now."""
    reserved: str
    """What is its own and cannot be spent now: `pooled` and `escrowed`."""
    pooled: str
    """What its transactions take that are not final yet."""
    escrowed: str
    """What is in escrow for its live jobs."""
    as_of_height: int
    """Height of the final block that this follows."""


class StatementLine(Answer):
    """Something that came or went, with what proves it."""

    at: str
    """Time of its block."""
    kind: str
    """Why."""
    account: str
    """Address whose balance it changed."""
    credit: str
    """What came."""
    debit: str
    """What went, without the fee."""
    fee: str
    """What went to the proposer of the block."""
    balance: str
    """What was on all accounts of the statement after it."""
    job_id: str | None
    """Job that it was for."""
    service: str | None
    """Service of that job."""
    label: str
    """Name of that job."""
    height: int
    """Block that did it."""
    transaction_id: str | None
    """Transaction that did it."""
    receipt_id: str | None
    """Receipt of the job."""
    proof: str
    """Path of what proves it."""


class Statement(Answer):
    """A period of the caller's accounts: opening, lines and closing add up exactly."""

    period_start: str
    """Begin of the period."""
    period_end: str
    """Its end, which is not in it."""
    as_of_height: int
    """Height of the final block that this follows."""
    accounts: list[dict[str, Any]]
    """The accounts, each with ``address`` and ``miner_id``."""
    opening_balance: str
    """What was on them before the period."""
    closing_balance: str
    """What was on them at its end."""
    totals: dict[str, Any]
    """Sums over the whole period."""
    lines: list[StatementLine]
    """Lines of this page, oldest first."""
    next_cursor: str | None
    """Where the next page begins."""


class Transfer(Answer):
    """Units that were sent from a wallet that the coordinator keeps."""

    transaction_id: str
    """Its transaction, by which it is known."""
    status: str
    """`pooled`, `final`, or `expired`: in no block in time, and nothing moved."""
    sender: str
    """Address that pays."""
    to: str
    """Address that receives."""
    amount: str
    """What the receiver gets."""
    fee: str
    """What the sender pays besides."""
    created_at: str
    """When it was asked for."""
    valid_until: str
    """Last time of a block that may hold it."""
    proof: str | None
    """Path of what proves it, once it is final."""
