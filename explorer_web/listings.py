"""Lists: one description, from which a page, its JSON twin and its CSV file are made.

A list reads a bounded number of rows below a key (`before`), so that its first page and its last
cost the same, and its three forms cannot disagree.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final, TypeAlias
from urllib.parse import urlencode

from explorer_web.checks import twin_checks
from explorer_web.facts import Json, Kind, Value, to_json
from explorer_web.page import Absence, Absent, Crumb, Page
from explorer_web.sentences import Sentence, plain
from explorer_web.words import Badge
from ledger.store import Position

ROWS_PER_PAGE: Final = 25
"""Rows of a page."""

CSV_ROWS_MAX: Final = 10_000
"""Rows of a CSV file; `before`, set to the key of its last row, continues it."""

KEY_COLUMN: Final = "key"
"""Last column of a CSV file: the key of each row."""

CSV_ROWS_AT_ONCE: Final = 200
"""Rows of a CSV file that are read at once; other pages are made in between."""

CSV_ROWS_FIRST: Final = 50
"""Rows that are read before a CSV file begins: few, so that its reader soon sees some."""

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for a formula."""

Cell: TypeAlias = Value | Sentence
"""A value of a row."""


class Form(StrEnum):
    """How a column is shown."""

    VALUE = "value"
    """As its kind is written."""
    BADGE = "badge"
    """As a badge; the value is its key."""
    WORDS = "words"
    """As a sentence."""


@dataclass(frozen=True)
class Column:
    """A column of a list."""

    name: str
    """Its name in JSON and CSV."""
    label: str
    """Its heading."""
    kind: Kind = Kind.TEXT
    """How its values are written."""
    form: Form = Form.VALUE
    """How it is shown."""
    badges: Mapping[str, Badge] | None = None
    """Badge of each value, for `Form.BADGE`."""
    is_roomy: bool = False
    """Whether it is left out on a narrow screen; JSON and CSV have it."""
    hint: str = ""
    """What it means."""
    is_wide: bool = False
    """Whether it is left out on a screen of medium width as well."""

    @property
    def is_number(self) -> bool:
        """Whether it is aligned at its end."""
        return self.kind in _NUMBERS

    @cached_property
    def style(self) -> str:
        """Classes of its cells, which a page of rows asks for some hundred times."""
        if self.is_number:
            name = "number"
        elif self.form is Form.WORDS:
            name = "words"
        elif self.kind is Kind.TIME:
            name = "moment"
        else:
            name = "name" if self.kind is Kind.TEXT and self.form is Form.VALUE else ""
        if self.is_wide:
            return f"{name} spare".strip()
        return f"{name} roomy".strip() if self.is_roomy else name

    def json(self, cell: Cell) -> Json:
        """Return a value for JSON."""
        return plain(cell) if isinstance(cell, tuple) else to_json(self.kind, cell)

    def text(self, cell: Cell) -> str:
        """Return a value for CSV; empty for none. No text begins as a formula would."""
        value = self.json(cell)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        text = str(value)
        is_words = self.kind is Kind.TEXT and isinstance(value, str)
        return "'" + text if is_words and text.startswith(_FORMULA_STARTS) else text


_NUMBERS: Final = frozenset(
    {Kind.NUMBER, Kind.HEIGHT, Kind.MONEY, Kind.BYTES, Kind.DURATION, Kind.UNITS, Kind.SHARE}
)

Row: TypeAlias = Sequence[Cell]
"""Values in the order of the columns."""


@dataclass(frozen=True, slots=True)
class Table:
    """A small table that stands on a page as a whole."""

    title: str
    """What it shows."""
    columns: tuple[Column, ...]
    """Its columns."""
    rows: Sequence[Row]
    """Its rows."""

    @property
    def json(self) -> Json:
        """Its rows for JSON."""
        return json_rows(self.columns, self.rows)


def json_rows(columns: Sequence[Column], rows: Sequence[Row]) -> list[Json]:
    """Return rows for JSON."""
    return [
        {column.name: column.json(cell) for column, cell in zip(columns, row, strict=True)}
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a list, and where it goes on."""

    rows: Sequence[Row]
    """The rows."""
    older: str = ""
    """`before` of the rows after them; empty where there are none."""
    keys: Sequence[str] = ()
    """Key of each row: as `before`, it names the rows after that."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A field of a list's form."""

    name: str
    """Its name in the address."""
    label: str
    """What stands beside it."""
    value: str = ""
    """What was chosen or typed; hostile."""
    options: tuple[tuple[str, str], ...] = ()
    """Values and words to choose from; empty for a field to type in."""
    hint: str = ""
    """An example."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that can be read from any key."""

    name: str
    """What its rows are, in the plural; the key in JSON."""
    title: str
    """Its heading."""
    lead: str
    """What it lists, in a sentence."""
    path: str
    """Address of its page, without a suffix."""
    columns: tuple[Column, ...]
    """Its columns."""
    read: Callable[[str, int], Rows]
    """Reads at most so many rows below a key; the empty key is before the first row."""
    empty: str
    """What is said where there is none."""
    filters: tuple[Filter, ...] = ()
    """Fields of its form."""
    crumbs: tuple[Crumb, ...] = ()
    """The way to it; empty where it is its own."""
    total: Callable[[], int] | None = None
    """Reads how many rows there are without filters, for lists whose totals the hub tells."""

    @property
    def chosen(self) -> dict[str, str]:
        """The filters that are set."""
        return {each.name: each.value for each in self.filters if each.value}

    def url(self, suffix: str = "", before: str = "") -> str:
        """Return the address of one of its forms, with the same filters."""
        query = self.chosen | ({"before": before} if before else {})
        return self.path + suffix + ("?" + urlencode(query) if query else "")

    def json_rows(self, rows: Sequence[Row]) -> list[Json]:
        """Return rows for JSON."""
        return json_rows(self.columns, rows)


def listing_page(listing: Listing, before: str) -> Page:
    """Return a page of a list.

    Args:
        listing: the list.
        before: key below which the page begins; empty for the newest rows.

    Raises:
        Absent: `before` is no key.
    """
    is_newest = not before
    follows = listing.total is not None and is_newest and not listing.chosen
    # Before the rows: what comes in between is then told once too often rather than never.
    total = listing.total() if listing.total is not None and follows else None
    found = listing.read(before, ROWS_PER_PAGE)
    filters: dict[str, Json] = dict(listing.chosen)
    return Page(
        template="list.html",
        title=listing.title,
        crumbs=listing.crumbs or (Crumb(listing.title),),
        content={
            "listing": listing,
            "rows": found.rows,
            "older": found.older,
            "is_newest": is_newest,
            "live": listing.name if follows else "",
            "total": total,
            "csv_rows_max": CSV_ROWS_MAX,
            "csv_url": listing.url(".csv", before),
            "checks": twin_checks(listing.url(".json", before)),
        },
        twin={
            listing.name: listing.json_rows(found.rows),
            "filters": filters,
            "before": found.older or None,
        },
        twin_url=listing.url(".json", before),
        moves=is_newest and not follows,
    )


def csv_chunks(listing: Listing, first: Rows) -> Iterator[bytes]:
    """Yield a list as CSV, a few hundred rows at once, up to `CSV_ROWS_MAX`.

    Args:
        listing: the list.
        first: its first rows, `CSV_ROWS_FIRST` of them, read before the answer began.
    """
    yield _csv_lines([[*(column.name for column in listing.columns), KEY_COLUMN]])
    found, count = first, 0
    while True:
        yield _csv_lines(
            [
                [*map(Column.text, listing.columns, row), key]
                for row, key in zip(found.rows, found.keys, strict=True)
            ]
        )
        count += len(found.rows)
        if not found.older or count >= CSV_ROWS_MAX:
            return
        found = listing.read(found.older, min(CSV_ROWS_AT_ONCE, CSV_ROWS_MAX - count))


def _csv_lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def position_key(position: Position) -> str:
    """Return the key of a row in an address: ``1204.3``."""
    return f"{position.height}.{position.entry}"


def parse_position(text: str) -> tuple[int, int] | None:
    """Return the position that a key names; None for the empty key.

    Raises:
        Absent: it is no key.
    """
    if not text:
        return None
    height, dot, entry = text.partition(".")
    parts = (height, entry) if dot else (height, "0")
    if all(part.isascii() and part.isdigit() and len(part) <= 18 for part in parts):
        return int(parts[0]), int(parts[1])
    wanted = "`before` is a height or the key of a row: digits, such as 1204 or 1204.3"
    raise Absent(None, text, absence=Absence.MALFORMED, detail=wanted)


def cut(rows: Sequence[Row], keys: Sequence[str], limit: int) -> Rows:
    """Return at most `limit` rows, and the key of the last where more were read.

    Args:
        rows: one row more than wanted, if there are so many.
        keys: the key of each.
        limit: most rows.
    """
    if len(rows) <= limit:
        return Rows(rows, keys=keys)
    return Rows(rows[:limit], keys[limit - 1], keys[:limit])
