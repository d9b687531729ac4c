"""Names that say nothing: a file, class or function is named after what it decides."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from devnet.checks.sources import CODE_SUFFIXES, Source
from devnet.checks.violation import Violation

EMPTY_NAMES = frozenset(
    {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"}
)


def empty_names(sources: Sequence[Source]) -> Iterator[Violation]:
    """Report files, folders, classes and functions whose name contains one of `EMPTY_NAMES`."""
    for source in sources:
        if source.is_vendored:
            continue
        if source.suffix in CODE_SUFFIXES:
            yield from _in_path(source)
        if source.suffix == ".py":
            yield from _in_definitions(source)


def _in_path(source: Source) -> Iterator[Violation]:
    path = PurePosixPath(source.path)
    for part in (*path.parent.parts, path.stem):
        for word in _words(part) & EMPTY_NAMES:
            yield Violation(
                "empty-name",
                source.path,
                1,
                f"“{word}” in a path says nothing; name it after what it decides",
                subject=part,
            )


def _in_definitions(source: Source) -> Iterator[Violation]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for word in _words(node.name) & EMPTY_NAMES:
            # A common prefix is a term; a thing that is only "common" is none.
            if word == "common" and node.name != "common":
                continue
            yield Violation(
                "empty-name",
                source.path,
                node.lineno,
                f"“{word}” in {node.name} says nothing; name it after what it does",
                subject=node.name,
            )


def _words(name: str) -> set[str]:
    """Split snake_case, kebab-case and CamelCase into lower-case words."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
