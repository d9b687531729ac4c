"""The lists of the chain: blocks, transactions, jobs, receipts, miners, an account's activity."""

from collections.abc import Mapping
from typing import Final

from explorer_web.facts import Kind
from explorer_web.jobs import payment_of
from explorer_web.listings import (
    Column,
    Filter,
    Form,
    Listing,
    Row,
    Rows,
    cut,
    parse_position,
    position_key,
)
from explorer_web.outcomes import outcome_sentence
from explorer_web.page import Absence, Absent, Crumb, account_of
from explorer_web.references import PageKind, page_url, parse_height
from explorer_web.words import MINER_STATES, PAYMENTS, PHASES, Badge, action_sentence
from ledger.keys import format_address
from ledger.store import (
    ActivityRow,
    BlockRow,
    IndexReader,
    JobPhase,
    JobRow,
    MinerRow,
    ReceiptRow,
    TransactionRow,
)
from ledger.types import Address, Height

Query = Mapping[str, str]
"""Parameters of an address; hostile."""

_ADDRESS_HINT: Final = "ait1…"
_FLOOR: Final = "Least price cap that it accepts"
_FAILED: Final = "Attempts that ended without receipt or release"

_PHASE_BADGES: Final[dict[str, Badge]] = {
    phase.value.lower(): badge for phase, badge in PHASES.items()
}


def blocks_listing(index: IndexReader, query: Query) -> Listing:
    """Return the list of blocks, or of those from one height on."""
    first = _height(query, "from")

    def read(before: str, limit: int) -> Rows:
        at = parse_position(before)
        found = index.blocks(at[0] if at else None, limit + 1)
        kept = [row for row in found if row.height >= first]
        return cut([block_cells(row) for row in kept], [str(row.height) for row in kept], limit)

    return Listing(
        name="blocks",
        title="Blocks",
        lead="Final blocks, newest first. A quiet chain makes an empty one now and then, as a "
        "sign of life.",
        path="/blocks",
        columns=(
            Column("height", "Height", Kind.HEIGHT),
            Column("block_id", "Block id", Kind.BLOCK),
            Column("timestamp_ms", "Time", Kind.TIME),
            Column("proposer", "Proposer", Kind.KEY, is_wide=True),
            Column("transaction_count", "Transactions", Kind.NUMBER),
            Column("outcome_count", "Outcomes", Kind.NUMBER, is_roomy=True),
            Column("body_bytes", "Size", Kind.BYTES, is_roomy=True),
        ),
        read=read,
        total=lambda: index.stats().blocks,
        empty="No block in this range.",
        filters=(Filter("from", "Not below height", str(first) if first else "", (), "1204"),),
    )


def block_cells(row: BlockRow) -> Row:
    """Return a block as a row of the list of blocks."""
    header = row.header
    counts = (header.transaction_count, header.outcome_count, row.body_bytes)
    return (header.height, row.block_id, header.timestamp_ms, header.proposer, *counts)


def transactions_listing(index: IndexReader, query: Query) -> Listing:
    """Return the list of transactions: all, of one block, or that concern an account.

    Raises:
        Absent: a filter is malformed, or both are given.
    """
    address = _account(query, "account")
    height = _height(query, "block") if query.get("block") else None
    if address is not None and height is not None:
        raise _refused("block", "choose an account or a block, not both")

    def read(before: str, limit: int) -> Rows:
        at = parse_position(before)
        found = index.transactions(at, limit + 1, height=height, address=address)
        keys = [f"{row.height}.{row.index}" for row in found]
        return cut([_transaction_cells(row) for row in found], keys, limit)

    return Listing(
        name="transactions",
        title="Transactions",
        lead="Final transactions, newest first. Blocks hold valid transactions only.",
        path="/transactions",
        columns=TRANSACTION_COLUMNS,
        read=read,
        total=lambda: index.stats().transactions,
        empty="No final transaction here.",
        filters=(
            _account_filter("account", "Concerns account", address),
            Filter("block", "In block", "" if height is None else str(height), (), "1204"),
        ),
    )


TRANSACTION_COLUMNS: Final = (
    Column("transaction_id", "Transaction", Kind.TRANSACTION),
    Column("height", "Block", Kind.HEIGHT),
    Column("index", "#", Kind.NUMBER, is_wide=True, hint="Place in the block, from 0"),
    Column("timestamp_ms", "Time", Kind.TIME, is_roomy=True),
    Column("action", "Action", is_roomy=True),
    Column("sender", "Sender", Kind.ADDRESS, is_wide=True),
    Column("words", "What it does", form=Form.WORDS),
    Column("fee", "Fee", Kind.MONEY),
    Column("job_id", "Job", Kind.JOB, is_wide=True),
)


def _transaction_cells(row: TransactionRow) -> Row:
    words = action_sentence(row.sender, row.content.transaction.action)
    where = (row.transaction_id, row.height, row.index, row.timestamp_ms)
    return (*where, row.action, row.sender, words, row.fee, row.job_id)


def jobs_listing(index: IndexReader, query: Query) -> Listing:
    """Return the list of jobs; of a client or of a miner, and in one phase.

    Raises:
        Absent: a filter is malformed, or names both a client and a miner.
    """
    client, miner = _account(query, "client"), _account(query, "miner")
    if client is not None and miner is not None:
        raise _refused("miner", "choose a client or a miner, not both")
    chosen = query.get("phase", "")
    if chosen and chosen not in _PHASE_BADGES:
        raise _refused("phase", f"one of {', '.join(_PHASE_BADGES)}")
    phase = JobPhase(chosen.upper()) if chosen else None

    def read(before: str, limit: int) -> Rows:
        at = parse_position(before)
        found = index.jobs(at, limit + 1, client=client, miner=miner, phase=phase)
        keys = [position_key(row.position) for row in found]
        return cut([_job_cells(row) for row in found], keys, limit)

    options = (("", "any"), *((name, badge.word) for name, badge in _PHASE_BADGES.items()))
    return Listing(
        name="jobs",
        title="Jobs",
        lead="Jobs whose escrow was locked, newest first.",
        path="/jobs",
        columns=(
            Column("job_id", "Job", Kind.JOB),
            Column("service", "Service"),
            Column("phase", "Phase", form=Form.BADGE, badges=_PHASE_BADGES),
            Column("payment", "Payment", form=Form.BADGE, badges=PAYMENTS, is_roomy=True),
            Column("max_price", "Locked", Kind.MONEY, is_roomy=True, hint="Most that it may cost"),
            Column("paid_miner", "To the miner", Kind.MONEY, is_wide=True),
            Column("client", "Client", Kind.ADDRESS, is_wide=True),
            Column("miner", "Miner", Kind.ADDRESS, is_wide=True, hint="Of the last attempt"),
            Column("height", "Block", Kind.HEIGHT, is_wide=True),
            Column("submitted_ms", "Submitted", Kind.TIME),
        ),
        read=read,
        total=lambda: index.stats().jobs,
        empty="No such job.",
        filters=(
            _account_filter("client", "Client", client),
            _account_filter("miner", "Miner", miner),
            Filter("phase", "Phase", chosen, options),
        ),
    )


def _job_cells(job: JobRow) -> Row:
    paid = job.paid_miner if job.ended is not None else None
    return (
        job.job_id,
        job.service,
        job.phase.value.lower(),
        payment_of(job),
        job.max_price,
        paid,
        job.client,
        job.miner,
        job.submitted.height,
        job.submitted.timestamp_ms,
    )


def receipts_listing(index: IndexReader, query: Query) -> Listing:
    """Return the list of receipts; of a client, a miner, or both.

    Raises:
        Absent: a filter is malformed.
    """
    client, miner = _account(query, "client"), _account(query, "miner")

    def read(before: str, limit: int) -> Rows:
        at = parse_position(before)
        found = index.receipts(at, limit + 1, client=client, provider=miner)
        keys = [position_key(row.position) for row in found]
        return cut([_receipt_cells(row) for row in found], keys, limit)

    return Listing(
        name="receipts",
        title="Receipts",
        lead="Miners' signed accounts of the jobs that they did, newest first.",
        path="/receipts",
        columns=(
            Column("receipt_id", "Receipt", Kind.RECEIPT),
            Column("job_id", "Job", Kind.JOB, is_wide=True),
            Column("miner_name", "Miner's name"),
            Column("miner", "Miner", Kind.ADDRESS, is_wide=True),
            Column("client", "Client", Kind.ADDRESS, is_wide=True),
            Column("model", "Model", is_wide=True, hint="Claimed by the miner"),
            Column("units_micro", "Units", Kind.UNITS, is_roomy=True, hint="Claimed by the miner"),
            Column("price", "Price", Kind.MONEY, hint="Claimed by the miner, within its cap"),
            Column("payment", "Payment", form=Form.BADGE, badges=PAYMENTS),
            Column("height", "Block", Kind.HEIGHT, is_wide=True),
            Column("timestamp_ms", "Time", Kind.TIME),
        ),
        read=read,
        total=lambda: index.stats().receipts,
        empty="No such receipt.",
        filters=(
            _account_filter("client", "Client", client),
            _account_filter("miner", "Miner", miner),
        ),
    )


def _receipt_cells(row: ReceiptRow) -> Row:
    content = row.content
    return (
        row.receipt_id,
        row.job_id,
        row.miner_name,
        row.miner,
        row.client,
        content.model,
        content.units_micro,
        content.price,
        payment_of(row),
        row.height,
        row.timestamp_ms,
    )


def miners_listing(index: IndexReader, _query: Query) -> Listing:
    """Return the list of miners, retired ones included."""

    def read(before: str, limit: int) -> Rows:
        found = index.miners(parse_position(before), limit + 1)
        keys = [position_key(row.position) for row in found]
        return cut([_miner_cells(row) for row in found], keys, limit)

    return Listing(
        name="miners",
        title="Miners",
        lead="Who registered to compute, newest registration first, with the record of their work.",
        path="/miners",
        columns=(
            Column("miner", "Miner", Kind.MINER),
            Column("name", "Name"),
            Column("state", "State", form=Form.BADGE, badges=MINER_STATES),
            Column("price_floor", "From, a job", Kind.MONEY, is_wide=True, hint=_FLOOR),
            Column("bond", "Bond", Kind.MONEY, is_wide=True, hint="Locked, and got back"),
            Column("assignments", "Attempts", Kind.NUMBER, is_roomy=True, hint="It was given"),
            Column("receipts", "Receipts", Kind.NUMBER, hint="Attempts that it completed"),
            Column("lost", "Failed", Kind.NUMBER, is_roomy=True, hint=_FAILED),
            Column("earned", "Earned", Kind.MONEY, hint="Compensations included"),
            Column("registered_ms", "Registered", Kind.TIME, is_wide=True),
        ),
        read=read,
        total=lambda: index.stats().miners,
        empty="No miner has registered yet.",
    )


def _miner_cells(row: MinerRow) -> Row:
    return (
        row.miner,
        row.name,
        "retired" if row.retired else "registered",
        row.price_floor,
        row.bond,
        row.assignments,
        row.receipts,
        row.lost,
        row.earned,
        row.registered.timestamp_ms,
    )


def activity_listing(index: IndexReader, address: Address) -> Listing:
    """Return the list of what concerned an account."""

    def read(before: str, limit: int) -> Rows:
        found = index.account_activity(address, parse_position(before), limit + 1)
        keys = [position_key(row.position) for row in found]
        return cut([_activity_cells(row) for row in found], keys, limit)

    url = page_url(PageKind.ACCOUNT, address)
    return Listing(
        name="activity",
        title="Activity of an account",
        lead=f"What moved or concerned {format_address(address)}, newest first.",
        path=url + "/activity",
        columns=(
            Column("height", "Block", Kind.HEIGHT),
            Column("timestamp_ms", "Time", Kind.TIME),
            Column("words", "What", form=Form.WORDS),
            Column("received", "Received", Kind.MONEY, hint="Paid, refunded or sent to it"),
            Column("spent", "Spent", Kind.MONEY, hint="Moved or locked, its own fees included"),
            Column("transaction_id", "Transaction", Kind.TRANSACTION, is_wide=True),
        ),
        read=read,
        empty="No final block has touched this account.",
        crumbs=(Crumb("Account", url), Crumb("Activity")),
    )


def _activity_cells(row: ActivityRow) -> Row:
    signed, outcome = row.transaction, row.outcome
    if signed is not None:
        words = action_sentence(signed.sender, signed.content.transaction.action)
    else:
        assert outcome is not None, "an activity is a transaction or an outcome"
        words = ("By itself: ", *outcome_sentence(outcome.outcome))
    of = signed.transaction_id if signed is not None else None
    return (row.position.height, row.timestamp_ms, words, row.received, row.spent, of)


def _account_filter(name: str, label: str, address: Address | None) -> Filter:
    value = "" if address is None else format_address(address)
    return Filter(name, label, value, (), _ADDRESS_HINT)


def _account(query: Query, name: str) -> Address | None:
    text = query.get(name, "").strip()
    return account_of(PageKind.ACCOUNT, text) if text else None


def _height(query: Query, name: str) -> Height:
    text = query.get(name, "").strip() or "0"
    height = parse_height(text)
    if height is None:
        raise _refused(name, "a height: digits, such as 1204")
    return height


def _refused(name: str, wanted: str) -> Absent:
    return Absent(None, name, absence=Absence.MALFORMED, detail=f"`{name}`: {wanted}")
