"""Readable sizes: files of at most 400 lines, functions of at most 60."""

import ast
from collections.abc import Iterator, Sequence

from devnet.checks.sources import CODE_SUFFIXES, Source
from devnet.checks.violation import Violation

FILE_LINES_MAX = 400
"""A file that is longer holds more than one decision."""

FUNCTION_LINES_MAX = 60
"""A function that is longer does not fit on a screen. Its docstring is not counted."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def file_size(sources: Sequence[Source]) -> Iterator[Violation]:
    """Report code files above `FILE_LINES_MAX`."""
    for source in sources:
        if source.suffix not in CODE_SUFFIXES or source.is_vendored or source.is_generated:
            continue
        if len(source.lines) > FILE_LINES_MAX:
            yield Violation(
                "file-size",
                source.path,
                1,
                f"{len(source.lines)} lines, at most {FILE_LINES_MAX}; split it by decision",
                size=len(source.lines),
            )


def function_size(sources: Sequence[Source]) -> Iterator[Violation]:
    """Report Python functions above `FUNCTION_LINES_MAX`."""
    for source in sources:
        if source.suffix != ".py" or source.is_vendored:
            continue
        for name, function in _functions(source.tree, ""):
            lines = _lines_of(function)
            if lines > FUNCTION_LINES_MAX:
                yield Violation(
                    "function-size",
                    source.path,
                    function.lineno,
                    f"{name} has {lines} lines, at most {FUNCTION_LINES_MAX}; name its steps",
                    subject=name,
                    size=lines,
                )


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, child
        if isinstance(child, Function | ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def _lines_of(function: Function) -> int:
    """Count the lines from `def` to the end, without the docstring."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total
