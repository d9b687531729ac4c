"""Every package says what it is, in which order to read it, and what others may use."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from devnet.checks.sources import Source
from devnet.checks.violation import Violation


def package_surfaces(sources: Sequence[Source]) -> Iterator[Violation]:
    """Report packages without `__all__`, and top-level packages without a README.md."""
    paths = {source.path for source in sources}
    for source in sources:
        if source.name != "__init__.py" or source.is_test or source.is_vendored:
            continue
        folder = PurePosixPath(source.path).parent
        if not _declares_all(source.tree):
            yield Violation(
                "package-surface", source.path, 1, "needs __all__: the names that others may use"
            )
        if f"{folder.parent}/__init__.py" not in paths and not _readmes(folder) & paths:
            yield Violation(
                "package-readme",
                source.path,
                1,
                f"{folder} needs a README.md: one sentence, then its files in reading order",
            )


def _readmes(folder: PurePosixPath) -> set[str]:
    """Return where a top-level package's README may stand: in it, or above it in its project."""
    above = set() if str(folder.parent) == "." else {f"{folder.parent}/README.md"}
    return {f"{folder}/README.md"} | above


def _declares_all(tree: ast.Module) -> bool:
    for node in tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return True
    return False
