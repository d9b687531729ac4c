"""Search by height, id, the beginning of an id, or a pasted address of a page."""

from dataclasses import dataclass
from typing import Final

from explorer_web.formats import grouped
from explorer_web.page import Crumb, Moved, Page
from explorer_web.references import PageKind, Query, page_url, parse_query
from ledger.store import Found, FoundKind, IndexReader
from ledger.types import Height

FOUND_MAX: Final = 10
"""Objects of each kind that a search lists."""

ID_DIGITS: Final = 64
"""Hex digits of a full id."""

GROUPS: Final[dict[FoundKind, str]] = {
    FoundKind.BLOCK: "Blocks",
    FoundKind.JOB: "Jobs",
    FoundKind.RECEIPT: "Receipts",
    FoundKind.TRANSACTION: "Transactions",
}
"""Headings of what was found, in this order."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found."""

    kind: FoundKind
    """What it is."""
    name: str
    """Its height or id."""
    url: str
    """Its page."""
    height: Height
    """Height of its block."""


def search_page(index: IndexReader, text: str) -> Page | Moved:
    """Return what a search found: the page itself if it is the only one.

    Args:
        index: where to look.
        text: what was typed; hostile.
    """
    query = parse_query(text)
    hits = _hits(index, query)
    if len(hits) == 1:
        return Moved(hits[0].url)
    groups = [(title, [hit for hit in hits if hit.kind is kind]) for kind, title in GROUPS.items()]
    return Page(
        template="search.html",
        title="Search",
        crumbs=(Crumb("Search"),),
        content={
            "query": query,
            "groups": [group for group in groups if group[1]],
            "tried": _tried(query, index.indexed_height()),
            "most": FOUND_MAX,
        },
    )


def _hits(index: IndexReader, query: Query) -> list[Hit]:
    hits = []
    if query.height is not None and (block := index.block_at(query.height)) is not None:
        url = page_url(PageKind.BLOCK, block.height)
        hits.append(Hit(FoundKind.BLOCK, f"Block {grouped(block.height)}", url, block.height))
    found = index.find(query.digits, FOUND_MAX) if query.digits else []
    hits += [_hit(each) for each in found if _is_wanted(each, query)]
    if len(query.digits) == ID_DIGITS and query.kind is None:
        # A full id is one thing: the page of a job or receipt says more than its transaction's.
        best = [hit for hit in hits if hit.kind is not FoundKind.TRANSACTION]
        return best or hits
    return hits


def _is_wanted(found: Found, query: Query) -> bool:
    return query.kind is None or found.kind.value == query.kind.value


def _hit(found: Found) -> Hit:
    url = page_url(PageKind(found.kind.value), found.object_id)
    return Hit(found.kind, found.object_id.hex(), url, found.height)


def _tried(query: Query, indexed: int) -> list[str]:
    """Return what was looked for, so that an empty answer explains itself."""
    tried = []
    if query.height is not None:
        tried.append(
            f"a block at height {grouped(query.height)} (indexed up to {grouped(indexed)})"
        )
    if query.digits:
        whole = "with the id" if len(query.digits) == ID_DIGITS else "whose id begins with"
        kinds = f"{query.kind.value}s" if query.kind else "blocks, transactions, receipts and jobs"
        tried.append(f"{kinds} {whole} {query.digits}")
    if query.address is not None:
        tried.append("an account's address: it is well formed, and accounts have no page here")
    if query.problem:
        tried.append(f"an account's address: {query.problem}")
    if query.text and not tried:
        tried.append(
            "nothing: it is no height, not 6 to 64 hex digits of an id, and no address of a page"
        )
    return tried
