"""The files that the style checks read: what git tracks or would track."""

import ast
import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

CODE_SUFFIXES = frozenset({".py", ".js", ".mjs", ".ts", ".css", ".html", ".sh"})
DOCUMENT_SUFFIXES = frozenset({".md"})


@dataclass(frozen=True)
class Source:
    """One file of the repository."""

    path: str
    """Relative to the repository's root, with forward slashes."""
    text: str
    """The whole file; empty if it is binary or a link."""

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.path).name

    @property
    def suffix(self) -> str:
        """Extension with its dot; empty if there is none."""
        return PurePosixPath(self.path).suffix

    @property
    def is_vendored(self) -> bool:
        """Whether others wrote it: such files are kept as they came."""
        return "vendor" in PurePosixPath(self.path).parts

    @property
    def is_generated(self) -> bool:
        """Whether a program made it of files that are checked themselves, for browsers to load."""
        is_served = "static" in PurePosixPath(self.path).parts
        return is_served and any("Do not edit:" in line for line in self.lines[:3])

    @property
    def is_test(self) -> bool:
        """Whether it is part of the tests."""
        return self.path.startswith("tests/")

    @cached_property
    def lines(self) -> list[str]:
        """The file's lines without their ends."""
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file; an empty module if it does not parse, which the linter reports."""
        try:
            return ast.parse(self.text)
        except SyntaxError:
            return ast.Module(body=[], type_ignores=[])


def read_sources(root: Path) -> list[Source]:
    """Read every file that git tracks, or would track if it were added.

    Args:
        root: Top of a git work tree.

    Raises:
        subprocess.CalledProcessError: `root` is not in a git work tree.
    """
    # A checkout that belongs to another user is common in CI, and only listed here.
    git = ["git", "-c", f"safe.directory={root.resolve()}"]
    listing = subprocess.run(
        [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    names = sorted(set(listing.stdout.decode().split("\0")) - {""})
    return [Source(name, _text_of(root / name)) for name in names if os.path.lexists(root / name)]


def _text_of(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return ""
    content = path.read_bytes()
    try:
        return "" if b"\0" in content else content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
