"""What a reader types into an address or the search box, brought to ids and heights.

Ids are accepted bare and with the prefixes that they have in the API (J27).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger.errors import AddressInvalid
from ledger.keys import ADDRESS_PREFIX, parse_address
from ledger.types import Address, Hash, Height

TWIN_SUFFIX: Final = ".json"
"""Ends the address of a page's JSON twin."""

QUERY_CHARACTERS_MAX: Final = 512
"""Longest search that is looked at: a pasted address with room to spare."""

_HEIGHT: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_ID: Final = re.compile(r"(?:(tx|job|receipt|pay)_)?(?:0x)?([0-9a-f]{6,64})", re.ASCII)
_PAGE_URL: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?[^/?#]*/(?:.*/)?(blocks|transactions|receipts|jobs)/([^/?#]+)",
    re.ASCII | re.IGNORECASE,
)


class PageKind(StrEnum):
    """Objects that have a page each."""

    BLOCK = "block"
    TRANSACTION = "transaction"
    RECEIPT = "receipt"
    JOB = "job"


PATHS: Final[dict[PageKind, str]] = {
    PageKind.BLOCK: "/blocks/",
    PageKind.TRANSACTION: "/transactions/",
    PageKind.RECEIPT: "/receipts/",
    PageKind.JOB: "/jobs/",
}
"""Where the pages are."""

_PREFIXES: Final[dict[PageKind, tuple[str, ...]]] = {
    PageKind.BLOCK: ("",),
    PageKind.TRANSACTION: ("", "tx_", "job_", "receipt_"),
    PageKind.RECEIPT: ("", "receipt_", "tx_"),
    PageKind.JOB: ("", "job_", "pay_", "tx_"),
}


_KIND_OF_PREFIX: Final[dict[str | None, PageKind]] = {
    "tx": PageKind.TRANSACTION,
    "job": PageKind.JOB,
    "pay": PageKind.JOB,
    "receipt": PageKind.RECEIPT,
}


@dataclass(frozen=True, slots=True)
class Query:
    """What a search may mean; several at once, or nothing that the explorer knows."""

    text: str
    """What was typed, cut to a bound."""
    height: Height | None = None
    """A block's height."""
    digits: str = ""
    """6 to 64 hex digits of an id; empty if it is none."""
    kind: PageKind | None = None
    """What a prefix or a pasted address says that it is."""
    address: Address | None = None
    """An account."""
    problem: str = ""
    """Why a text that looks like an account's address is none."""


def page_url(kind: PageKind, object_id: Hash | Height) -> str:
    """Return the address of an object's page, relative to the site."""
    text = object_id.hex() if isinstance(object_id, bytes) else str(object_id)
    return PATHS[kind] + text


def parse_height(text: str) -> Height | None:
    """Return a height written in plain digits, None for anything else."""
    return int(text) if _HEIGHT.fullmatch(text) else None


def parse_id(kind: PageKind, text: str) -> Hash | None:
    """Return an id from an address, None if it is not one of that kind."""
    for prefix in _PREFIXES[kind]:
        digits = text.removeprefix(prefix)
        if text.startswith(prefix) and re.fullmatch(r"[0-9a-fA-F]{64}", digits):
            return bytes.fromhex(digits)
    return None


def split_twin(reference: str) -> tuple[str, bool]:
    """Return a reference without ``.json``, and whether it had it."""
    bare = reference.removesuffix(TWIN_SUFFIX)
    return bare, bare != reference


def parse_query(text: str) -> Query:
    """Return what a search means; hostile text included.

    A pasted address of a page means the object in it.
    """
    typed = text.strip()[: QUERY_CHARACTERS_MAX + 1]
    if len(typed) > QUERY_CHARACTERS_MAX:
        return Query(typed[:QUERY_CHARACTERS_MAX] + "…")
    kind, bare = None, typed
    if page := _PAGE_URL.match(typed):
        kind = PageKind(page[1].lower().removesuffix("s"))
        bare, _ = split_twin(page[2])
    if bare.lower().startswith(ADDRESS_PREFIX + "1"):
        return _address_query(typed, bare)
    height = parse_height(bare.replace(",", "")) if kind in {None, PageKind.BLOCK} else None
    match = _ID.fullmatch(bare.lower())
    if match is None:
        return Query(typed, height, kind=kind)
    return Query(typed, height, match[2], kind or _KIND_OF_PREFIX.get(match[1]))


def _address_query(typed: str, bare: str) -> Query:
    try:
        return Query(typed, address=parse_address(bare))
    except AddressInvalid as error:
        return Query(typed, problem=str(error))
