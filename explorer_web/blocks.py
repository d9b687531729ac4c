"""The pages of blocks: the list, and one block."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from explorer_web.checks import block_checks
from explorer_web.facts import Fact, Json, Kind, Section, Source, facts_json
from explorer_web.formats import grouped
from explorer_web.grids import Grid, GridRow, Mark
from explorer_web.outcomes import outcome_json
from explorer_web.page import Absence, Absent, Crumb, Page, malformed, unknown
from explorer_web.participation import MARK_WORDS, NOTE, signers_of
from explorer_web.ports import Standing
from explorer_web.references import PageKind, page_url, parse_height, parse_id
from explorer_web.words import FINAL
from ledger.block import ZERO_HASH, Header
from ledger.codec import encode
from ledger.keys import format_address
from ledger.records import ValidatorSet
from ledger.store import BlockRow, IndexReader, OutcomeRow, TransactionRow

ENTRIES_PER_PAGE: Final = 50
"""Transactions, and outcomes, that a block's page shows at once."""

BLOCKS: Final = Crumb("Blocks", "/blocks")


@dataclass(frozen=True, slots=True)
class Slice:
    """Where a page stands among a block's transactions and outcomes."""

    first_transaction: int = 0
    """Index of the first transaction that is shown."""
    first_outcome: int = 0
    """Index of the first outcome that is shown."""


def block_page(
    index: IndexReader,
    standing: Standing,
    reference: str,
    shown: Slice,
    members_of: Callable[[Header], ValidatorSet | None],
) -> Page:
    """Return the page of a block.

    Args:
        index: where blocks are.
        standing: where the chain stands, to tell a later block from none.
        reference: height or id from the address.
        shown: which of its transactions and outcomes to show.
        members_of: who agreed on a block, for the names of those who signed and who did not.

    Raises:
        Absent: there is no such block here.
    """
    block = _find_block(index, standing, reference)
    header = block.header
    parent = index.block_at(block.height - 1) if block.height else None
    members = members_of(header)
    sections = _sections(block, parent, members)
    transactions = _transactions(index, header, shown.first_transaction)
    outcomes = _outcomes(index, header, shown.first_outcome)
    url = page_url(PageKind.BLOCK, block.height)
    has_next = block.height < index.indexed_height()
    return Page(
        template="block.html",
        title=f"Block {grouped(block.height)}",
        crumbs=(BLOCKS, Crumb(f"Block {grouped(block.height)}")),
        content={
            "block": block,
            "badges": (FINAL,),
            "sections": sections,
            "transactions": transactions,
            "kinds": kinds_of(transactions),
            "gone": _gone(header, shown.first_transaction, len(transactions)),
            "outcomes": outcomes,
            "signers": _signers(block, members),
            "signers_note": NOTE if members is not None else f"{NOTE} {_NAMELESS}",
            "checks": block_checks(block.height),
            "shown": shown,
            "url": url,
            "page_size": ENTRIES_PER_PAGE,
            "previous": page_url(PageKind.BLOCK, block.height - 1) if block.height else None,
            "next": page_url(PageKind.BLOCK, block.height + 1) if has_next else None,
            "raw": (("Header", encode(header)), ("Certificate", block.certificate)),
        },
        twin=_block_twin(block, sections, transactions, outcomes, members),
        twin_url=_twin_url(reference, block, shown),
        is_unchanging=parse_height(reference) is None,
    )


_NAMELESS: Final = (
    "The set that agreed on this block is not known here, so who is missing cannot be said."
)


def _signers(block: BlockRow, members: ValidatorSet | None) -> Grid:
    """Return who is in a block's certificate and who is not; by place where the set is unknown."""
    signed = signers_of(block.certificate)
    if members is not None and signed is not None:
        heads = [Crumb(member.name) for member in members.members]
        marks = [Mark.YES if place in signed else Mark.NO for place in range(len(heads))]
    else:
        places = sorted(signed or ())
        heads = [Crumb(f"member {place}") for place in places]
        marks = [Mark.YES for _ in places]
    return Grid("Who signed", "Validator", heads, (GridRow("Signed", marks),), MARK_WORDS)


def _find_block(index: IndexReader, standing: Standing, reference: str) -> BlockRow:
    height = parse_height(reference)
    if height is not None:
        block = index.block_at(height)
        if block is not None:
            return block
        raise _no_block(index, standing, height)
    block_id = parse_id(PageKind.BLOCK, reference)
    if block_id is None:
        wanted = "a block is named by its height, in digits, or by its id, 64 hex digits"
        raise malformed(PageKind.BLOCK, reference, wanted)
    block = index.block_by_id(block_id)
    if block is None:
        raise unknown(PageKind.BLOCK, reference, block_id)
    return block


def _no_block(index: IndexReader, standing: Standing, height: int) -> Absent:
    """Return why there is no block at a height."""
    indexed, first = index.indexed_height(), index.first_height()
    if first is not None and height < first:
        absence, detail = Absence.PRUNED, f"The index begins at block {grouped(first)}."
    elif height <= standing.final_height:
        absence, detail = Absence.NOT_INDEXED, f"The index has reached block {grouped(indexed)}."
    elif height <= standing.head_height:
        absence, detail = Absence.NOT_FINAL, "The block exists and is not final yet."
    else:
        absence = Absence.UNKNOWN
        detail = f"The newest final block is {grouped(standing.final_height)}."
    return Absent(PageKind.BLOCK, str(height), absence=absence, detail=detail)


def kinds_of(transactions: Sequence[TransactionRow]) -> list[tuple[str, int]]:
    """Return how many of some transactions do what, most often first."""
    counts = Counter(row.action for row in transactions)
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _sections(
    block: BlockRow, parent: BlockRow | None, members: ValidatorSet | None
) -> tuple[Section, ...]:
    header = block.header
    interval = header.timestamp_ms - parent.timestamp_ms if parent else None
    return (
        Section("Overview", _overview(block, interval, members)),
        Section("Agreement", _agreement(header, len(block.certificate))),
        Section("Commitments", _commitments(header), "What the block's id fixes for ever."),
    )


def _overview(block: BlockRow, interval_ms: int | None, members: ValidatorSet | None) -> list[Fact]:
    header = block.header
    proposer = None if header.proposer == ZERO_HASH else header.proposer
    parent_id = None if header.parent_id == ZERO_HASH else header.parent_id
    of_header, of_index = Source.HEADER, Source.INDEX
    return [
        Fact("height", "Height", Kind.NUMBER, header.height, of_header, "Distance from genesis."),
        Fact(
            "block_id",
            "Block id",
            Kind.HASH,
            block.block_id,
            of_index,
            "Digest of the header under this chain's tag.",
        ),
        Fact(
            "timestamp_ms",
            "Time",
            Kind.TIME,
            header.timestamp_ms,
            of_header,
            "Its proposer's clock.",
        ),
        Fact("interval_ms", "After its parent", Kind.DURATION, interval_ms, of_index),
        Fact(
            "proposer",
            "Proposer",
            Kind.KEY,
            proposer,
            of_header,
            "Consensus key of the view's leader; genesis has none.",
        ),
        Fact("proposer_name", "Proposer's name", Kind.TEXT, _name_of(proposer, members), of_index),
        Fact("parent_id", "Parent", Kind.BLOCK, parent_id, of_header),
        Fact("transaction_count", "Transactions", Kind.NUMBER, header.transaction_count, of_header),
        Fact(
            "outcome_count",
            "Outcomes",
            Kind.NUMBER,
            header.outcome_count,
            of_header,
            "What it did to jobs, miners and bonds, automatic work included.",
        ),
        Fact("body_bytes", "Size of its body", Kind.BYTES, block.body_bytes, of_index),
    ]


def _name_of(key: bytes | None, members: ValidatorSet | None) -> str | None:
    """Return the name that a key has in a validator set."""
    found = (each.name for each in (members.members if members else ()) if each.public_key == key)
    return next(found, None)


def _agreement(header: Header, certificate_bytes: int) -> list[Fact]:
    source = Source.HEADER
    next_set = header.next_validator_set_hash
    return [
        Fact("chain_id", "Chain", Kind.TEXT, header.chain_id, source),
        Fact("epoch", "Epoch", Kind.NUMBER, header.epoch, source, "A span with one validator set."),
        Fact("view", "View", Kind.NUMBER, header.view, source, "The try in which it was proposed."),
        Fact("parent_view", "Parent's view", Kind.NUMBER, header.parent_view, source),
        Fact("validator_set_hash", "Validator set", Kind.HASH, header.validator_set_hash, source),
        Fact(
            "next_validator_set_hash",
            "Next validator set",
            Kind.HASH,
            None if next_set == ZERO_HASH else next_set,
            source,
            "Only in an epoch's last block.",
        ),
        Fact(
            "certificate_bytes",
            "Finality certificate",
            Kind.BYTES,
            certificate_bytes,
            Source.INDEX,
            "Votes of a quorum. Genesis needs none.",
        ),
    ]


def _commitments(header: Header) -> list[Fact]:
    source = Source.HEADER
    return [
        Fact("transaction_root", "Transactions", Kind.HASH, header.transaction_root, source),
        Fact("outcome_root", "Outcomes", Kind.HASH, header.outcome_root, source),
        Fact("state_root", "State after it", Kind.HASH, header.state_root, source),
        Fact("version", "Header version", Kind.NUMBER, header.version, source),
    ]


def _transactions(index: IndexReader, header: Header, first: int) -> list[TransactionRow]:
    """Return transactions in the block's own order; the index lists newest first."""
    end = min(first + ENTRIES_PER_PAGE, header.transaction_count)
    before = (header.height, end)
    rows = index.transactions(before, max(0, end - first), height=header.height)
    # Where plain transfers have left the index, rows of the page before would fill their places.
    return [row for row in rows[::-1] if row.index >= first]


def _gone(header: Header, first: int, shown: int) -> int:
    """Return how many transactions of a page the index keeps no more."""
    return max(0, min(ENTRIES_PER_PAGE, header.transaction_count - first) - shown)


def _outcomes(index: IndexReader, header: Header, first: int) -> list[OutcomeRow]:
    end = min(first + ENTRIES_PER_PAGE, header.outcome_count)
    before = (header.height, end)
    return index.outcomes(before, max(0, end - first), height=header.height)[::-1]


def block_json(row: BlockRow) -> Json:
    """Return a block's row for a JSON list."""
    header = row.header
    return {
        "height": header.height,
        "block_id": row.block_id.hex(),
        "timestamp_ms": header.timestamp_ms,
        "proposer": header.proposer.hex(),
        "transaction_count": header.transaction_count,
        "outcome_count": header.outcome_count,
        "body_bytes": row.body_bytes,
    }


def transaction_json(row: TransactionRow) -> Json:
    """Return a transaction's row for a JSON list."""
    return {
        "transaction_id": row.transaction_id.hex(),
        "height": row.height,
        "index": row.index,
        "timestamp_ms": row.timestamp_ms,
        "action": row.action,
        "sender": format_address(row.sender),
        "fee": str(row.fee),
        "job_id": row.job_id.hex() if row.job_id else None,
    }


def _block_twin(
    block: BlockRow,
    sections: tuple[Section, ...],
    transactions: list[TransactionRow],
    outcomes: list[OutcomeRow],
    members: ValidatorSet | None,
) -> Json:
    places = signers_of(block.certificate)
    signed: list[Json] | None = None if places is None else [*sorted(places)]
    names: list[Json] | None = None if members is None else [each.name for each in members.members]
    kinds: dict[str, Json] = dict(kinds_of(transactions))
    return {
        **facts_json(sections),
        "signers": signed,
        "members": names,
        "transactions_by_kind": kinds,
        "header": encode(block.header).hex(),
        "certificate": block.certificate.hex(),
        "transactions": [transaction_json(row) for row in transactions],
        "outcomes": [outcome_json(row) for row in outcomes],
    }


def _twin_url(reference: str, block: BlockRow, shown: Slice) -> str:
    by = block.block_id if parse_height(reference) is None else block.height
    query = f"?transactions={shown.first_transaction}&outcomes={shown.first_outcome}"
    return page_url(PageKind.BLOCK, by) + ".json" + (query if shown != Slice() else "")
