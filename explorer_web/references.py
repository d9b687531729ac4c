"""What a reader types into an address or the search box, brought to ids and heights.

Ids are accepted bare and with the prefixes that they have in the API (J27).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from ledger.errors import AddressInvalid
from ledger.keys import ADDRESS_PREFIX, format_address, parse_address
from ledger.types import Address, Hash, Height, TimestampMs

TWIN_SUFFIX: Final = ".json"
"""Ends the address of a page's JSON twin."""

QUERY_CHARACTERS_MAX: Final = 512
"""Longest search that is looked at: a pasted address with room to spare."""

_HEIGHT: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_ID: Final = re.compile(r"(?:(tx|job|receipt|pay)_)?(?:0x)?([0-9a-f]{6,64})", re.ASCII)
_PAGE_URL: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?[^/?#]*/(?:.*/)?(blocks|transactions|receipts|jobs|accounts|miners|ballots)/"
    r"([^/?#]+)",
    re.ASCII | re.IGNORECASE,
)


_SPAN: Final = re.compile(r"([0-9]{1,18})\.\.([0-9]{1,18})", re.ASCII)
_NEWEST: Final = frozenset({"latest", "finalized", "head", "newest"})
_NAME: Final = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
_TIMES: Final = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%MZ")


class PageKind(StrEnum):
    """Objects that have a page each."""

    BLOCK = "block"
    TRANSACTION = "transaction"
    RECEIPT = "receipt"
    JOB = "job"
    ACCOUNT = "account"
    MINER = "miner"
    BALLOT = "ballot"


PATHS: Final[dict[PageKind, str]] = {
    PageKind.BLOCK: "/blocks/",
    PageKind.TRANSACTION: "/transactions/",
    PageKind.RECEIPT: "/receipts/",
    PageKind.JOB: "/jobs/",
    PageKind.ACCOUNT: "/accounts/",
    PageKind.MINER: "/miners/",
    PageKind.BALLOT: "/validators/ballots/",
}
"""Where the pages are."""

_PREFIXES: Final[dict[PageKind, tuple[str, ...]]] = {
    PageKind.BLOCK: ("",),
    PageKind.TRANSACTION: ("", "tx_", "job_", "receipt_"),
    PageKind.RECEIPT: ("", "receipt_", "tx_"),
    PageKind.JOB: ("", "job_", "pay_", "tx_"),
    PageKind.BALLOT: ("", "tx_"),
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
    span: tuple[Height, Height] | None = None
    """A range of heights, the lower one first."""
    day_ms: TimestampMs | None = None
    """Beginning of a day, or of a minute, UTC."""
    is_newest: bool = False
    """Whether the newest final block is meant."""
    name: str = ""
    """What may be a miner's name."""
    problem: str = ""
    """Why a text that looks like an account's address is none."""


def page_url(kind: PageKind, object_id: Hash | Address | Height) -> str:
    """Return the address of an object's page, relative to the site."""
    if not isinstance(object_id, bytes):
        return PATHS[kind] + str(object_id)
    is_account = kind in {PageKind.ACCOUNT, PageKind.MINER}
    return PATHS[kind] + (format_address(object_id) if is_account else object_id.hex())


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
        return _address_query(typed, bare, kind)
    if bare.lower() in _NEWEST:
        return Query(typed, is_newest=True)
    if (span := _SPAN.fullmatch(bare.replace(",", ""))) is not None:
        first, last = sorted((int(span[1]), int(span[2])))
        return Query(typed, span=(first, last))
    if (time_ms := _time_of(bare)) is not None:
        return Query(typed, day_ms=time_ms)
    name = bare if kind is None and _NAME.fullmatch(bare) else ""
    height = parse_height(bare.replace(",", "")) if kind in {None, PageKind.BLOCK} else None
    match = _ID.fullmatch(bare.lower())
    if match is None:
        return Query(typed, height, kind=kind, name=name)
    return Query(typed, height, match[2], kind or _KIND_OF_PREFIX.get(match[1]), name=name)


def _time_of(text: str) -> TimestampMs | None:
    """Return the time that a date names, with or without hour and minute, in UTC."""
    for pattern in _TIMES:
        try:
            named = datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
        return max(0, round(named.timestamp() * 1_000))
    return None


def _address_query(typed: str, bare: str, kind: PageKind | None) -> Query:
    try:
        return Query(typed, kind=kind, address=parse_address(bare))
    except AddressInvalid as error:
        return Query(typed, problem=str(error))
