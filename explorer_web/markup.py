"""How values look: the small pieces of HTML that pages repeat by the hundred.

They are functions and no template macros, because a page of rows writes some hundred of them. Text
of others is escaped here; everything else is digits, hex or words of ours. Ids are in the page in
full; style shortens them where there is no room.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from markupsafe import Markup, escape

from explorer_web import formats
from explorer_web.charts import BASE, Bar
from explorer_web.facts import Kind, Source, Value
from explorer_web.listings import Cell, Column, Form, Row
from explorer_web.references import PageKind, page_url
from explorer_web.sentences import Sentence
from explorer_web.words import Badge

SOURCES: Final[dict[Source, str]] = {
    Source.HEADER: "in the block's header, which the finality certificate covers",
    Source.SIGNED: "in a signed transaction, checked by the ledger",
    Source.OUTCOME: "in an outcome record, which the header commits to",
    Source.STATE: "in the final state that this node holds",
    Source.INDEX: "computed by this explorer from final blocks",
    Source.NODE: "measured by this node; another one may differ",
    Source.CLAIMED: "signed by the miner; nobody else vouches for it",
}
"""What each mark of a source means."""

PAGE_KINDS: Final[dict[Kind, PageKind]] = {
    Kind.BLOCK: PageKind.BLOCK,
    Kind.HEIGHT: PageKind.BLOCK,
    Kind.TRANSACTION: PageKind.TRANSACTION,
    Kind.JOB: PageKind.JOB,
    Kind.RECEIPT: PageKind.RECEIPT,
    Kind.BALLOT: PageKind.BALLOT,
    Kind.ADDRESS: PageKind.ACCOUNT,
    Kind.MINER: PageKind.MINER,
}
"""Values that link to a page."""

_SHAPES: Final = {
    "good": '<path d="M3 8.5 6.5 12 13 4.5"/>',
    "wait": '<circle cx="8" cy="8" r="5.8"/><path d="M8 4.8V8l2.2 1.6"/>',
    "bad": '<path d="M8 2 14.5 13.5h-13ZM8 6.4v3.4M8 11.6v.2"/>',
    "final": '<rect x="3" y="7" width="10" height="6.6" rx="1.4"/>'
    '<path d="M5.2 7V5a2.8 2.8 0 0 1 5.6 0v2"/>',
    "neutral": '<circle cx="8" cy="8" r="5.8"/><path d="M5.2 8h5.6"/>',
}

_ICONS: Final = {
    tone: Markup(  # noqa: S704
        f'<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{shape}</svg>'
    )
    for tone, shape in _SHAPES.items()
}

BADGES_KEPT: Final = 128
"""Badges whose HTML is kept: more than there are."""


def icon(tone: str) -> Markup:
    """Return the icon of a tone."""
    return _ICONS[tone]


@lru_cache(maxsize=BADGES_KEPT)
def badge(said: Badge) -> Markup:
    """Return a state: icon, word and colour."""
    return Markup('<span class="badge tone-{}" title="{}">{}{}</span>').format(
        said.tone, said.meaning, icon(said.tone), said.word
    )


def words(text: str) -> Markup:
    """Return text, whose direction of writing stays its own."""
    return Markup(f"<bdi>{escape(text)}</bdi>")  # noqa: S704


def name(text: str) -> Markup:
    """Return a name in a cell, which may be broken after each underscore."""
    return Markup(f"<bdi>{str(escape(text)).replace('_', '_<wbr>')}</bdi>")  # noqa: S704


def digest(value: bytes) -> Markup:
    """Return bytes that have no page of their own."""
    return Markup(f'<code class="id" data-copy>{value.hex()}</code>')  # noqa: S704


def link(kind: Kind, value: bytes | int) -> Markup:
    """Return a height, or the id of an object, that leads to its page."""
    url = page_url(PAGE_KINDS[kind], value)
    if isinstance(value, int):
        return Markup(f'<a href="{url}">{formats.grouped(value)}</a>')  # noqa: S704
    return _id_link(url, value.hex())


def account(value: bytes) -> Markup:
    """Return an account's address, that leads to its page."""
    return _id_link(page_url(PageKind.ACCOUNT, value), formats.address(value))


def miner(value: bytes) -> Markup:
    """Return a miner's address, that leads to its record."""
    return _id_link(page_url(PageKind.MINER, value), formats.address(value))


def source(of: Source) -> Markup:
    """Return the mark of a value's source."""
    return _SOURCE_MARKS[of]


_SOURCE_MARKS: Final = {
    of: Markup(
        '<span class="source" title="{}"><span class="unseen">Source: </span>{}</span>'
    ).format(meaning, of)
    for of, meaning in SOURCES.items()
}


def _id_link(url: str, text: str) -> Markup:
    return Markup(  # noqa: S704
        f'<a class="id" href="{url}"><code data-copy>{text}</code></a>'
    )


def bars(drawn: Iterable[Bar]) -> Markup:
    """Return the bars of a chart; each says its value to who points at it.

    They rise in a group that is turned upside down, so that no bar names its upper edge.
    """
    written = "".join(
        f'<rect x="{bar.x}" width="{bar.width}" height="{bar.height}">'
        f"<title>{escape(bar.words)}</title></rect>"
        for bar in drawn
    )
    turned = f'<g class="series-1" transform="matrix(1 0 0 -1 0 {BASE})">'
    return Markup(f"{turned}{written}</g>")  # noqa: S704


class Values:
    """Writes values of one page; templates know it as `v`."""

    icon = staticmethod(icon)
    badge = staticmethod(badge)
    digest = staticmethod(digest)
    link = staticmethod(link)
    account = staticmethod(account)
    miner = staticmethod(miner)
    source = staticmethod(source)
    bars = staticmethod(bars)

    def __init__(self, now_ms: int) -> None:
        """Write values at a time.

        Args:
            now_ms: the node's clock, for relative times.
        """
        self._now_ms = now_ms

    def time(self, ms: int) -> Markup:
        """Return a time in UTC, and how far away it is."""
        # Where there is no room for all of it, the date stands above the time.
        written = formats.utc_time(ms).replace(" UTC", "\u00a0UTC")
        return Markup(  # noqa: S704
            f'<time datetime="{formats.iso_time(ms)}">{written}</time> '
            f'<span class="relative" data-relative="{ms}">'
            f"{formats.relative(ms, self._now_ms)}</span>"
        )

    def ago(self, ms: int) -> Markup:
        """Return how far away a time is; the time itself is its title."""
        return Markup(  # noqa: S704
            f'<time datetime="{formats.iso_time(ms)}" title="{formats.utc_time(ms)}" '
            f'data-relative="{ms}">{formats.relative(ms, self._now_ms)}</time>'
        )

    def shown(self, kind: Kind, value: Value, missing: str = "none") -> Markup:
        """Return a value as its kind is written.

        Args:
            kind: how it is written.
            value: the value.
            missing: what is said where there is none.
        """
        if value is None:
            return Markup(f'<span class="none">{escape(missing)}</span>')  # noqa: S704
        if isinstance(value, bytes):
            return _of_bytes(kind, value)
        if kind is Kind.TIME and isinstance(value, int):
            return self.time(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return _of_number(kind, value)
        return words(str(value))

    def sentence(self, parts: Sentence) -> Markup:
        """Return words and values as they follow one another."""
        return Markup(  # noqa: S704
            "".join(
                words(part) if isinstance(part, str) else self.shown(part.kind, part.value)
                for part in parts
            )
        )

    def cell(self, column: Column, cell: Cell) -> Markup:
        """Return what stands in a cell of a list."""
        if isinstance(cell, tuple):
            return self.sentence(cell)
        if column.form is Form.BADGE and cell is not None:
            assert column.badges is not None, "a column of badges has them"
            return badge(column.badges[str(cell)])
        if column.kind is Kind.TEXT and isinstance(cell, str):
            return name(cell)
        if column.kind is Kind.MONEY and isinstance(cell, int):
            # The exact numbers are in the twin; a mark of its own for each would add a tenth.
            return Markup(formats.money(cell))  # noqa: S704
        return self.shown(column.kind, cell)

    def rows(self, columns: Sequence[Column], rows: Iterable[Row]) -> Markup:
        """Return rows of a list; open pages are sent rows alone. Its first cell names each."""
        names = [f'<th scope="row"{_classes(columns[0])}>', "</th>"] if columns else []
        marks = [names, *([f"<td{_classes(column)}>", "</td>"] for column in columns[1:])]
        written = []
        for row in rows:
            parts = [
                f"{start}{self.cell(column, cell)}{end}"
                for column, (start, end), cell in zip(columns, marks, row, strict=True)
            ]
            written.append(f"<tr>{''.join(parts)}</tr>")
        return Markup("\n".join(written))  # noqa: S704


def _classes(column: Column) -> str:
    return f' class="{column.style}"' if column.style else ""


def _of_bytes(kind: Kind, value: bytes) -> Markup:
    if kind is Kind.ADDRESS:
        return account(value)
    if kind is Kind.MINER:
        return miner(value)
    return link(kind, value) if kind in PAGE_KINDS else digest(value)


def _of_number(kind: Kind, value: int) -> Markup:
    if kind is Kind.HEIGHT:
        return link(kind, value)
    if kind is Kind.HOUR:
        return _hour(value)
    if kind is Kind.MONEY:
        return Markup(f'<data value="{value}">{formats.money(value)}</data>')  # noqa: S704
    if kind is Kind.RATE:
        return Markup(f'<data value="{value}">{formats.money(value)} a unit</data>')  # noqa: S704
    write = _NUMBERS.get(kind)
    return Markup(write(value)) if write else words(str(value))  # noqa: S704


@lru_cache(maxsize=formats.TIMES_KEPT)
def _hour(start_ms: int) -> Markup:
    return Markup(f"<time>{formats.utc_time(start_ms)[:16]}Z</time>")  # noqa: S704


_NUMBERS: Final = {
    Kind.UNITS: formats.units,
    Kind.DURATION: formats.duration,
    Kind.BYTES: formats.size,
    Kind.SHARE: formats.share,
    Kind.NUMBER: formats.grouped,
}
