"""How long blocks took to become final, as this node saw it: the newest ones drawn, all summed up.

No block says when it became final, so no index has it: each node measures for itself.
"""

from collections.abc import Sequence
from typing import Final

from explorer_web.charts import Chart, Series, draw
from explorer_web.facts import Fact, Kind, Section, Source
from explorer_web.formats import grouped
from explorer_web.listings import Column, Row, Table
from explorer_web.measures import WRITTEN
from explorer_web.miners import percentile
from explorer_web.ports import BlockFinality

BLOCKS_DRAWN: Final = 100
"""Newest blocks that the chart shows."""

_FORMULA: Final = (
    "From a block's time, which is its proposer's clock, to the moment at which this node had it "
    "durably final. Blocks that it fetched later took as long as it was behind."
)


def finality_section(blocks: Sequence[BlockFinality]) -> Section:
    """Return how long blocks took, in a few figures."""
    source, kind = Source.NODE, Kind.DURATION
    ordered = sorted(block.took_ms for block in blocks)
    missing = "no block since this node started"
    facts = [
        Fact("finality_blocks", "Blocks measured", Kind.NUMBER, len(ordered), source),
        Fact("finality_p50_ms", "p50", kind, percentile(ordered, 50), source, "", missing),
        Fact("finality_p95_ms", "p95", kind, percentile(ordered, 95), source, "", missing),
        Fact("finality_max_ms", "Longest", kind, percentile(ordered, 100), source, "", missing),
    ]
    note = f"{_FORMULA} The newest blocks since it started."
    return Section("Finality, as this node saw it", facts, note)


def finality_chart(blocks: Sequence[BlockFinality]) -> Chart:
    """Return how long each of the newest blocks took.

    Args:
        blocks: what was measured, oldest first.
    """
    shown = blocks[-BLOCKS_DRAWN:]
    columns = (
        Column("height", "Block", Kind.HEIGHT),
        Column("took_ms", "Time to finality", Kind.DURATION),
    )
    rows: list[Row] = [(block.height, block.took_ms) for block in shown]
    labels = [grouped(block.height) for block in shown]
    return draw(
        Series(labels, [block.took_ms for block in shown], WRITTEN[Kind.DURATION]),
        name="finality",
        title="Time to finality",
        formula=_FORMULA,
        window=f"The newest {BLOCKS_DRAWN} blocks at most, since this node started",
        table=Table("Time to finality", columns, rows),
        csv_url="",
    )
