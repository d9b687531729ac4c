"""Search: one box for heights, ranges, dates, ids of any kind, accounts, names and addresses.

A search that finds one thing leads to it; several are grouped; none says what was tried. The
suggestions while typing are the same search.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from coordinator.ports import TransactionStatus
from explorer_web.absence import INDEX_LAGS
from explorer_web.checks import twin_checks
from explorer_web.facts import Json
from explorer_web.formats import grouped, utc_time
from explorer_web.page import Absence, Crumb, Moved, Page
from explorer_web.ports import NodeReads
from explorer_web.references import QUERY_CHARACTERS_MAX, PageKind, Query, page_url, parse_query
from ledger.keys import format_address
from ledger.store import Found, FoundKind, IndexReader
from ledger.types import Height, TimestampMs

FOUND_MAX: Final = 10
"""Objects of each kind that a search lists."""

ID_DIGITS: Final = 64
"""Hex digits of a full id."""

GROUPS: Final[dict[PageKind, str]] = {
    PageKind.BLOCK: "Blocks",
    PageKind.ACCOUNT: "Accounts",
    PageKind.MINER: "Miners",
    PageKind.JOB: "Jobs",
    PageKind.RECEIPT: "Receipts",
    PageKind.TRANSACTION: "Transactions",
    PageKind.BALLOT: "Ballots",
}
"""Headings of what was found, in this order."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found."""

    kind: PageKind
    """What it is."""
    name: str
    """Its height, id, address or name."""
    url: str
    """Its page."""
    note: str
    """What else to say of it."""


_UNDERWAY_NOTES: Final = {
    Absence.PENDING: "waits for a block",
    Absence.NOT_FINAL: "in a block that is not final yet",
    Absence.NOT_INDEXED: "final, and not indexed yet",
    Absence.DROPPED: "left the pool without a block",
}
"""What is said of what the node has and the index has not."""


async def underway_hit(node: NodeReads, text: str) -> Hit | None:
    """Return what a full id names that the node knows and the index may lack; None for nothing.

    Args:
        node: knows what is in its pool and in blocks that are not indexed.
        text: what was typed; hostile.
    """
    query = parse_query(text)
    if len(query.digits) != ID_DIGITS or query.kind in {PageKind.ACCOUNT, PageKind.MINER}:
        return None
    object_id = bytes.fromhex(query.digits)
    kind = query.kind or PageKind.TRANSACTION
    is_block = kind is PageKind.BLOCK
    at = await (node.block_status(object_id) if is_block else node.whereabouts(object_id))
    if at.status is TransactionStatus.UNKNOWN and query.kind is None:
        kind, at = PageKind.BLOCK, await node.block_status(object_id)
    note = _UNDERWAY_NOTES.get(INDEX_LAGS.get(at.status, Absence.UNKNOWN))
    return None if note is None else Hit(kind, query.digits, page_url(kind, object_id), note)


def search_page(index: IndexReader, text: str, underway: Hit | None) -> Page | Moved:
    """Return what a search found: the page itself if it is the only one.

    Args:
        index: where to look.
        text: what was typed; hostile.
        underway: what the node has of that name, for what the index lacks.
    """
    query = parse_query(text)
    hits = find_hits(index, query, underway)
    if len(hits) == 1:
        return Moved(hits[0].url)
    groups = [(title, [hit for hit in hits if hit.kind is kind]) for kind, title in GROUPS.items()]
    twin_url = "/search.json?" + urlencode({"q": text[:QUERY_CHARACTERS_MAX]})
    return Page(
        template="search.html",
        title="Search",
        crumbs=(Crumb("Search"),),
        content={
            "query": query,
            "groups": [group for group in groups if group[1]],
            "tried": _tried(query, index.indexed_height()),
            "most": FOUND_MAX,
            "checks": twin_checks(twin_url),
        },
        twin_url=twin_url,
    )


def search_twin(index: IndexReader, text: str, underway: Hit | None) -> Page:
    """Return what a search found, as JSON; one find does not lead away from it."""
    query = parse_query(text)
    found: list[Json] = [
        {"kind": hit.kind.value, "name": hit.name, "url": hit.url, "note": hit.note}
        for hit in find_hits(index, query, underway)
    ]
    tried: list[Json] = list(_tried(query, index.indexed_height()))
    twin: dict[str, Json] = {"query": query.text, "found": found, "tried": tried}
    return Page(template="search.html", title="Search", crumbs=(), twin=twin)


def suggestions(index: IndexReader, text: str, underway: Hit | None) -> Page:
    """Return what a search would find, as a part of an open page; nothing for nothing typed."""
    hits = find_hits(index, parse_query(text), underway) if text.strip() else []
    return Page(
        template="suggestions.html",
        title="Suggestions",
        crumbs=(),
        content={"hits": hits[:FOUND_MAX], "titles": GROUPS, "is_typed": bool(text.strip())},
    )


def find_hits(index: IndexReader, query: Query, underway: Hit | None = None) -> list[Hit]:
    """Return everything that a query may mean and that is there.

    Args:
        index: where to look.
        query: what was typed.
        underway: what the node has of that name; told if the index has nothing.
    """
    hits = list(_blocks_hits(index, query))
    if query.address is not None:
        hits.append(_account_hit(query))
    if query.name and (miner := index.miner_by_name(query.name)) is not None:
        url = page_url(PageKind.MINER, miner.miner)
        hits.append(Hit(PageKind.MINER, miner.name, url, format_address(miner.miner)))
    if query.kind is PageKind.BALLOT and len(query.digits) == ID_DIGITS:
        hits += _ballot_hits(index, query)
    found = index.find(query.digits, FOUND_MAX) if query.digits else []
    hits += [_hit(each) for each in found if _is_wanted(each, query)]
    if not hits and underway is not None:
        return [underway]
    if len(query.digits) == ID_DIGITS and query.kind is None:
        # A full id is one thing: the page of a job or receipt says more than its transaction's.
        best = [hit for hit in hits if hit.kind is not PageKind.TRANSACTION]
        return best or hits
    return hits


def _blocks_hits(index: IndexReader, query: Query) -> Iterator[Hit]:
    """Yield the blocks that a height, a range, a date or a word for the newest one means."""
    newest = index.indexed_height()
    if query.is_newest and newest >= 0:
        yield _block_hit(newest, "the newest indexed final block")
    if query.height is not None and index.block_at(query.height) is not None:
        yield _block_hit(query.height, "")
    if query.span is not None and query.span[0] <= newest:
        first, last = query.span[0], min(query.span[1], newest)
        url = f"/blocks?from={first}&before={last + 1}"
        name = f"Blocks {grouped(first)} to {grouped(last)}"
        yield Hit(PageKind.BLOCK, name, url, "a range of the list")
    if query.day_ms is not None:
        height = block_since(index, query.day_ms, newest)
        if height is not None:
            begins = index.first_height()
            here = "that this index has " if begins and height == begins else ""
            yield _block_hit(height, f"the first block {here}from {utc_time(query.day_ms)} on")


def block_since(index: IndexReader, time_ms: TimestampMs, newest: Height) -> Height | None:
    """Return the height of the first indexed block that is not older than a time.

    Halves the range of heights, since times of blocks never fall (S5): as many reads as the
    newest height has binary digits.

    Args:
        index: where blocks are.
        time_ms: the time.
        newest: the newest indexed height.
    """
    block = index.block_at(newest) if newest >= 0 else None
    if block is None or block.timestamp_ms < time_ms:
        return None
    low, high = 0, newest
    while low < high:
        middle = (low + high) // 2
        found = index.block_at(middle)
        # What an index that began late does not have lies before what it has.
        if found is None or found.timestamp_ms < time_ms:
            low = middle + 1
        else:
            high = middle
    return low


def _block_hit(height: Height, note: str) -> Hit:
    url = page_url(PageKind.BLOCK, height)
    return Hit(PageKind.BLOCK, f"Block {grouped(height)}", url, note)


def _ballot_hits(index: IndexReader, query: Query) -> Iterator[Hit]:
    """Yield the ballot that a pasted address of its page names."""
    ballot = index.ballot(bytes.fromhex(query.digits))
    if ballot is not None:
        url = page_url(PageKind.BALLOT, ballot.ballot_id)
        yield Hit(PageKind.BALLOT, query.digits, url, ballot.status.value.lower())


def _account_hit(query: Query) -> Hit:
    assert query.address is not None
    kind = query.kind if query.kind is PageKind.MINER else PageKind.ACCOUNT
    return Hit(kind, format_address(query.address), page_url(kind, query.address), "")


def _is_wanted(found: Found, query: Query) -> bool:
    return query.kind is None or found.kind.value == query.kind.value


def _hit(found: Found) -> Hit:
    kind = PageKind(found.kind.value)
    url = page_url(kind, found.object_id)
    note = "" if found.kind is FoundKind.BLOCK else f"block {grouped(found.height)}"
    return Hit(kind, found.object_id.hex(), url, note)


def _tried(query: Query, indexed: int) -> list[str]:
    """Return what was looked for, so that an empty answer explains itself."""
    tried = []
    upto = f"(indexed up to {grouped(indexed)})"
    if query.height is not None:
        tried.append(f"a block at height {grouped(query.height)} {upto}")
    if query.span is not None:
        tried.append(f"blocks from {grouped(query.span[0])} to {grouped(query.span[1])} {upto}")
    if query.day_ms is not None:
        tried.append(f"the first block from {utc_time(query.day_ms)} on {upto}")
    if query.digits:
        whole = "with the id" if len(query.digits) == ID_DIGITS else "whose id begins with"
        kinds = f"{query.kind.value}s" if query.kind else "blocks, transactions, receipts and jobs"
        tried.append(f"{kinds} {whole} {query.digits} {upto}")
        if len(query.digits) == ID_DIGITS:
            tried.append("the same in this node's pool and in blocks that are not final yet")
    if query.problem:
        tried.append(f"an account's address: {query.problem}")
    if query.name:
        tried.append(f"a miner of the name {query.name}")
    if query.text and not tried:
        tried.append(
            "nothing: it is no height, range or date, not 6 to 64 hex digits of an id, no account, "
            "no miner's name and no address of a page"
        )
    return tried
