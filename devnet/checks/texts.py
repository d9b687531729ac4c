"""What may not stand in a file: empty words, unfinished work, dead links, one machine's paths."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from devnet.checks.sources import DOCUMENT_SUFFIXES, Source
from devnet.checks.violation import Violation

BELITTLING = re.compile(r"\b(simply|just|easily)\b", re.IGNORECASE)
"""Words that tell readers that what they find hard is not."""

# The brackets keep these expressions from matching their own source.
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b")
"""Marks of work left for later: do it, or file an issue."""

PACKAGE_HOSTS = re.compile(
    r"\b(py[p]i\.org|pythonhosted[.]org|registry\.np[m]js\.org|deb\.debian[.]org"
    r"|index\.crate[s]\.io|proxy\.golan[g]\.org)\b"
)
"""Package indexes: which one is used is the machine's setting, not the repository's."""

MACHINE_PATHS = re.compile(r"(?<![\w.\-/~*}])/(?:home|root|Users|work|workspace)/\w")
"""Folders that exist on one person's machine."""

LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")
"""Target of a Markdown link into the repository, without its fragment."""

OPTIMISED = re.compile(r"\bpython[\d.]*\s+(?:-\w+\s+)*-[a-zA-Z]*O|PYTHONOPTIMIZ[E]")
"""Ways of starting Python without assertions, which stay on."""


def belittling_words(sources: Sequence[Source]) -> Iterator[Violation]:
    """Report `BELITTLING` words in documents, outside of code."""
    for source in sources:
        if source.suffix in DOCUMENT_SUFFIXES and not source.is_vendored:
            for number, line in _prose(source):
                for match in BELITTLING.finditer(line):
                    yield _found("belittling-word", source, number, f"leave out “{match[0]}”")


def unfinished_marks(sources: Sequence[Source]) -> Iterator[Violation]:
    """Report `UNFINISHED` marks."""
    yield from _search(sources, "unfinished", UNFINISHED, "finish it, or file an issue")


def machine_addresses(sources: Sequence[Source]) -> Iterator[Violation]:
    """Report `PACKAGE_HOSTS` and `MACHINE_PATHS`."""
    yield from _search(sources, "package-host", PACKAGE_HOSTS, "name no package index")
    yield from _search(sources, "machine-path", MACHINE_PATHS, "this path exists on one machine")


def optimised_python(sources: Sequence[Source]) -> Iterator[Violation]:
    """Report starts of Python that switch assertions off."""
    code = [source for source in sources if source.suffix not in DOCUMENT_SUFFIXES]
    yield from _search(code, "optimised-python", OPTIMISED, "assertions stay on")


def dead_links(sources: Sequence[Source]) -> Iterator[Violation]:
    """Report links in documents to files that are not in the repository."""
    files = {source.path for source in sources}
    present = files | {str(folder) for path in files for folder in PurePosixPath(path).parents}
    for source in sources:
        if source.suffix not in DOCUMENT_SUFFIXES or source.is_vendored:
            continue
        for number, line in _prose(source):
            for match in LINK.finditer(line):
                target = posixpath.join(posixpath.dirname(source.path), match[1])
                if posixpath.normpath(target) not in present:
                    yield _found("dead-link", source, number, f"there is no {match[1]}")


def _search(
    sources: Sequence[Source], check: str, pattern: re.Pattern[str], remedy: str
) -> Iterator[Violation]:
    for source in sources:
        if source.is_vendored:
            continue
        for number, line in enumerate(source.lines, start=1):
            for match in pattern.finditer(line):
                yield _found(check, source, number, f"“{match[0]}”: {remedy}")


def _found(check: str, source: Source, number: int, message: str) -> Violation:
    return Violation(check, source.path, number, message, subject=str(number))


def _prose(source: Source) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a document with its code left out."""
    fenced = False
    for number, line in enumerate(source.lines, start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "", line)
