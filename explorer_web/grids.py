"""Grids of yes and no: who signed which block, on which day a miner worked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from explorer_web.facts import Json
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

    @property
    def json(self) -> Json:
        """The same for JSON: the marks of each row by the words above their columns."""
        heads = [head.text for head in self.heads]
        return [
            {
                "name": row.name,
                "marks": {head: mark.value for head, mark in zip(heads, row.marks, strict=True)},
            }
            for row in self.rows
        ]
