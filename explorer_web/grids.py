"""Grids of yes and no: who signed which block, on which day a miner worked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from explorer_web.page import Crumb


class Mark(StrEnum):
    """What a cell says."""

    YES = "yes"
    NO = "no"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class GridRow:
    """A row of a grid."""

    name: str
    """Whose it is; hostile."""
    marks: Sequence[Mark]
    """Its cells, in the order of the columns."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid."""

    title: str
    """What it shows."""
    corner: str
    """What its rows are."""
    heads: Sequence[Crumb]
    """Its columns."""
    rows: Sequence[GridRow]
    """Its rows."""
    words: Mapping[Mark, str]
    """What each mark says."""
