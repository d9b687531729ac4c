"""What is new since the last look, rendered once: a text that all listeners are sent as it is.

seq      counts the texts; a page that misses one asks for its part anew
height   of the newest block that is indexed
kind     `blocks` for new blocks, `state` where only the state of the chain differs
strip    the status strip's inside, as HTML
health   the sentence about the chain, as HTML
totals   rows of each list so far, from which a page that has its own total counts what is new
rows     rows of the new blocks for the list of blocks, newest first
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from explorer_web.health import HealthReader
from explorer_web.lists import block_cells, blocks_listing
from explorer_web.markup import Values
from explorer_web.page import Page
from explorer_web.ports import ExplorerReads, Standing
from explorer_web.rendering import Renderer
from ledger.store import IndexReader
from ledger.types import Height

ROWS_MAX: Final = 25
"""Rows of one text; a page that is further behind asks for its list anew."""


class Row(msgspec.Struct, frozen=True):
    """A block in the list of blocks."""

    height: Height
    """Its height."""
    html: str
    """Its row."""


class News(msgspec.Struct, frozen=True):
    """One text; see the module."""

    seq: int
    """Its number."""
    height: Height
    """Newest indexed block."""
    kind: str
    """`blocks` or `state`."""
    strip: str
    """The status strip's inside."""
    health: str
    """The sentence about the chain."""
    totals: dict[str, int]
    """What there is, by its plural."""
    rows: Sequence[Row] = ()
    """New blocks, newest first."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the last look saw."""

    height: Height
    sign: tuple[object, ...]
    """What else of the chain's state is told at once."""


class NewsDesk:
    """Looks at the index and the node, and writes what is new."""

    def __init__(self, reads: ExplorerReads, renderer: Renderer) -> None:
        """Look at nothing yet.

        Args:
            reads: the index, and where the chain stands.
            renderer: writes the parts of pages.
        """
        self._reads = reads
        self._health = HealthReader(reads.index)
        self._renderer = renderer
        self._seen: _Seen | None = None
        self._seq = 0

    async def look(self, *, even_if_quiet: bool = False) -> str | None:
        """Return what is new since the last look as JSON; None if nothing is.

        Args:
            even_if_quiet: write how the chain is, although nothing is new.
        """
        standing = await self._reads.node.standing()
        return await asyncio.to_thread(self._written, standing, even_if_quiet=even_if_quiet)

    def _written(self, standing: Standing, *, even_if_quiet: bool) -> str | None:
        index = self._reads.index
        health = self._health.of(standing)
        height = health.indexed_height
        sign = (health.word, health.lag, health.online, health.signing)
        before, seen = self._seen, _Seen(height, sign)
        if seen == before and not even_if_quiet:
            return None
        self._seen = seen
        self._seq += 1
        is_new = before is not None and height > before.height
        rows = self._rows(index, standing, before.height, height) if before and is_new else ()
        page = Page(template="strip.html", title="", crumbs=())
        stats = index.stats()
        news = News(
            seq=self._seq,
            height=height,
            kind="blocks" if is_new else "state",
            strip=self._renderer.block(page, health, "facts").decode(),
            health=self._renderer.macro("parts.html", "health", health, now_ms=standing.now_ms),
            totals={
                "blocks": stats.blocks,
                "transactions": stats.transactions,
                "jobs": stats.jobs,
                "receipts": stats.receipts,
                "miners": stats.miners,
            },
            rows=rows,
        )
        return msgspec.json.encode(news).decode()

    def _rows(
        self, index: IndexReader, standing: Standing, after: Height, height: Height
    ) -> list[Row]:
        """Return the new blocks' rows; those that do not fit are a gap, which pages notice."""
        found = index.blocks(height + 1, min(ROWS_MAX, height - after))
        columns, write = blocks_listing(index, {}).columns, Values(standing.now_ms)
        return [
            Row(
                block.height,
                str(write.rows(columns, [block_cells(block)])),
            )
            for block in found
        ]
