"""Removes a job's folder, whatever a stranger's program made of it."""

import os
import tempfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; it need not be there.

    Folders below it may forbid this user to list them, and may be nested deeper than a path can
    name or a call can recurse: each is opened, and moved up, before what it holds is removed.

    Args:
        folder: nothing may write into it any more.

    Raises:
        OSError: something cannot be removed; all else is.
    """
    if not folder.exists():
        return
    flat = Path(tempfile.mkdtemp(dir=folder))
    pending, names = [folder], count()
    failed: OSError | None = None
    while pending:
        inner = pending.pop()
        try:
            entries = [entry for entry in _listed(inner) if entry.path != str(flat)]
        except OSError as error:
            failed = failed or error
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(_moved(Path(entry.path), flat / str(next(names))))
                else:
                    os.unlink(entry.path)  # noqa: PTH108 - the entry knows its path
            except OSError as error:
                failed = failed or error
    failed = failed or _remove_empty([*flat.iterdir(), flat, folder])
    if failed is not None:
        raise failed


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _moved(folder: Path, target: Path) -> Path:
    """Let this user list a folder, and give it a short path."""
    folder.chmod(0o700)
    return folder.rename(target)


def _remove_empty(folders: Iterable[Path]) -> OSError | None:
    """Remove folders; return why one could not be removed."""
    failed = None
    for folder in folders:
        try:
            folder.rmdir()
        except OSError as error:
            failed = failed or error
    return failed
