"""Finished work that the coordinator has not acknowledged, kept on disk.

An entry is written and synced before the first send, so that neither a restart of the coordinator
nor one of the miner loses work that was done. It holds the very bytes to send: a retry never signs
anew while they can still be included (J30).
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from aitbc.private_files import sync_folder

DAMAGED_SUFFIX = ".damaged"


@dataclass(frozen=True)
class SpoolEntry:
    """One finished attempt."""

    job_id: str
    """Wire id of the job."""
    attempt: int
    """Attempt that was done."""
    transaction: str
    """Signed receipt, hex."""
    valid_until_ms: int
    """Last block time at which the receipt may be included."""
    deadline_ms: int
    """The job's deadline; some time after it nothing is paid any more."""
    output: dict[str, Any]
    """Result document."""
    salt: str
    """Salt of the result's digest, hex."""

    @property
    def body(self) -> dict[str, Any]:
        """Return the body of the completion."""
        return {
            "attempt": self.attempt,
            "output": self.output,
            "salt": self.salt,
            "transaction": self.transaction,
        }

    def with_receipt(self, transaction: str, valid_until_ms: int) -> Self:
        """Return the same work with a receipt that was signed anew."""
        return replace(self, transaction=transaction, valid_until_ms=valid_until_ms)


class Spool:
    """Entries in a folder, one file each, readable by the owner only."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, made if it is not there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._unwritten: dict[Path, SpoolEntry] = {}

    def add(self, entry: SpoolEntry) -> None:
        """Write an entry, or replace it; it is on disk when this returns.

        Raises:
            OSError: it could not be written, such as for want of room. It is kept in memory, and
                written as soon as that is possible when somebody asks for the entries.
        """
        path = self._path(entry)
        self._unwritten[path] = entry
        self._write(path, entry)
        del self._unwritten[path]

    def _write(self, path: Path, entry: SpoolEntry) -> None:
        scratch = path.with_suffix(".tmp")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(entry), file)
            file.flush()
            os.fsync(descriptor)
        scratch.replace(path)
        sync_folder(self._folder)

    def remove(self, entry: SpoolEntry) -> None:
        """Remove an entry that was acknowledged or refused for good."""
        path = self._path(entry)
        self._unwritten.pop(path, None)
        path.unlink(missing_ok=True)
        sync_folder(self._folder)

    def entries(self) -> list[SpoolEntry]:
        """Return the entries; a file that is none is set aside under another name."""
        for entry in list(self._unwritten.values()):
            with contextlib.suppress(OSError):
                self.add(entry)
        found = list(self._unwritten.values())
        for path in sorted(self._folder.glob("*.json")):
            if path in self._unwritten:
                continue  # An older version of what could not be replaced.
            try:
                found.append(_read(path))
            except (ValueError, TypeError, RecursionError):
                path.replace(path.with_suffix(DAMAGED_SUFFIX))
        return found

    def _path(self, entry: SpoolEntry) -> Path:
        return self._folder / f"{entry.job_id}-{entry.attempt}.json"


def _read(path: Path) -> SpoolEntry:
    entry = SpoolEntry(**json.loads(path.read_text()))
    bytes.fromhex(entry.transaction)
    for name, kind in (("attempt", int), ("valid_until_ms", int), ("deadline_ms", int)):
        if not isinstance(getattr(entry, name), kind):
            raise TypeError(name)
    if path.name != f"{entry.job_id}-{entry.attempt}.json":
        raise ValueError("another entry's name")
    return entry
