"""Statements as CSV (RFC 4180) that a spreadsheet cannot take for a program.

A cell that begins with one of ``= + - @``, a tab or a line break is read as a formula by common
spreadsheets, and the name of a job is whatever somebody typed. Such a cell gets an apostrophe in
front, which they show as text. Amounts are never negative, so no number is touched.
"""

import csv
import io
from collections.abc import Iterable
from typing import Final

import msgspec

from coordinator.accounts.schemas import StatementLine

COLUMNS: Final = tuple(field.name for field in msgspec.structs.fields(StatementLine))
"""The header row."""

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")

_APOSTROPHE: Final = "'"


def sheet_of(lines: Iterable[StatementLine]) -> bytes:
    """Return the lines below a header row, in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow([_cell(getattr(line, column)) for column in COLUMNS])
    return text.getvalue().encode()


def _cell(value: object) -> str:
    shown = "" if value is None else str(value)
    # A space in front does not keep a spreadsheet from it.
    is_formula = shown.lstrip(" ").startswith(_FORMULA_STARTS)
    return _APOSTROPHE + shown if is_formula else shown
