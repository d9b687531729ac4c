"""What a style check reports."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from devnet.checks.sources import Source


@dataclass(frozen=True)
class Violation:
    """One place that breaks one rule of the house style."""

    check: str
    """Name of the check, as the baseline spells it."""
    path: str
    """File, relative to the repository's root."""
    line: int
    """Line, from 1."""
    message: str
    """What is wrong and what to do."""
    subject: str = ""
    """What it is about inside the file (a function's name); empty for the file itself."""
    size: int = 1
    """How bad it is, in the unit of the check; the ratchet compares it."""

    @property
    def key(self) -> str:
        """Name of the place that stays the same when lines move."""
        return f"{self.path}:{self.subject}" if self.subject else self.path

    def __str__(self) -> str:
        """Return the line that editors and people can follow."""
        return f"{self.path}:{self.line}: {self.check}: {self.message}"


Check = Callable[[Sequence[Source]], Iterator[Violation]]
"""A style check: a pure function of the files."""
