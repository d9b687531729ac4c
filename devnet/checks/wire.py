"""Every field of a wire type says what it means, in which unit, and who sets it."""

import ast
from collections.abc import Iterator, Sequence

from devnet.checks.sources import Source
from devnet.checks.violation import Violation

WIRE_PACKAGES = ("ledger/", "consensus/")
"""Where the formats that leave a process are defined."""


def field_docstrings(sources: Sequence[Source]) -> Iterator[Violation]:
    """Report fields of `msgspec.Struct` classes without a string under them."""
    classes = [
        (source, node)
        for source in sources
        if source.path.startswith(WIRE_PACKAGES) and source.suffix == ".py"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    ]
    structs = _struct_names([node for _, node in classes])
    for source, node in classes:
        if node.name in structs:
            for name, line in _undocumented_fields(node):
                yield Violation(
                    "field-docstring",
                    source.path,
                    line,
                    f"{node.name}.{name} needs a docstring: meaning, unit, who sets it",
                    subject=f"{node.name}.{name}",
                )


def _struct_names(classes: Sequence[ast.ClassDef]) -> set[str]:
    """Return the names of the classes that derive from `Struct`, through any number of steps."""
    known = {"Struct"}
    while True:
        derived = {node.name for node in classes if known.intersection(_bases(node))}
        if derived <= known:
            return known
        known |= derived


def _bases(node: ast.ClassDef) -> Iterator[str]:
    for base in node.bases:
        target = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(target, ast.Attribute):
            yield target.attr
        elif isinstance(target, ast.Name):
            yield target.id


def _undocumented_fields(node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    followers: list[ast.stmt | None] = [*node.body[1:], None]
    for statement, follower in zip(node.body, followers, strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if "ClassVar" in ast.dump(statement.annotation):
            continue
        if not _is_text(follower):
            yield statement.target.id, statement.lineno


def _is_text(statement: ast.stmt | None) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        and statement.value.value.strip() != ""
    )
