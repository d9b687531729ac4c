"""Breaks a copy of the tree in one way after the other, and sees what notices."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devnet.mutation.catalogue import Edit, Mutation
from devnet.mutation.detectors import Detector


class TextMissing(Exception):
    """A breakage's original text does not occur exactly once: the catalogue is out of date."""

    def __init__(self, edit: Edit, count: int) -> None:
        """State the file and how often the text occurs."""
        super().__init__(f"{edit.path} holds {count} times, and not once: {edit.original.strip()}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one breakage."""

    mutation: Mutation
    """The breakage."""
    caught: dict[str, str]
    """What failed, by detector; empty if it survived."""


def broken_text(text: str, edit: Edit) -> str:
    """Return a file's text with an edit made.

    Raises:
        TextMissing: the original text does not occur exactly once.
    """
    count = text.count(edit.original)
    if count != 1:
        raise TextMissing(edit, count)
    return text.replace(edit.original, edit.replacement)


@contextmanager
def copied_tree(root: Path) -> Iterator[Path]:
    """Yield a copy of the checkout's tracked files as they are now; nothing else is touched."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - the developer's git, wherever it is
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="aitbc-mutation-") as folder:
        tree = Path(folder)
        for name in filter(None, listed.stdout.split("\0")):
            if (root / name).is_file():
                target = tree / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, target)
        yield tree


@contextmanager
def broken(tree: Path, mutation: Mutation) -> Iterator[None]:
    """Break a tree for as long as the context lasts.

    Raises:
        TextMissing: the catalogue is out of date.
    """
    before = {edit.path: (tree / edit.path).read_text("utf-8") for edit in mutation.edits}
    after = dict(before)
    for edit in mutation.edits:
        after[edit.path] = broken_text(after[edit.path], edit)
    try:
        for path, text in after.items():
            (tree / path).write_text(text, "utf-8")
        yield
    finally:
        for path, text in before.items():
            (tree / path).write_text(text, "utf-8")


def judge(
    tree: Path, mutation: Mutation, detectors: Sequence[Detector], *, all_of_them: bool
) -> Verdict:
    """Run detectors against a broken tree, until one notices or through all of them.

    Raises:
        DetectorBroken: one could not run.
        TextMissing: the catalogue is out of date.
    """
    caught: dict[str, str] = {}
    with broken(tree, mutation):
        for detector in detectors:
            failed = detector.run(tree)
            if failed is not None:
                caught[detector.name] = failed
                if not all_of_them:
                    break
    return Verdict(mutation, caught)
