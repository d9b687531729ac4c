"""Finished work that the coordinator has not acknowledged, kept on disk.

An entry is written and synced before the first send, so that neither a restart of the coordinator
nor one of the miner loses work that was done. It holds the very bytes to send: a retry never signs
anew (J30).
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
    body: dict[str, Any]
    """Body of the completion."""


class Spool:
    """Entries in a folder, one file each."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, made if it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def add(self, entry: SpoolEntry) -> None:
        """Write an entry; it is on disk when this returns."""
        path = self._path(entry)
        scratch = path.with_suffix(".tmp")
        with scratch.open("w") as file:
            json.dump(asdict(entry), file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
        self._sync_folder()

    def remove(self, entry: SpoolEntry) -> None:
        """Remove an entry that was acknowledged or refused for good."""
        self._path(entry).unlink(missing_ok=True)
        self._sync_folder()

    def entries(self) -> Iterator[SpoolEntry]:
        """Yield the entries; a file that is none is set aside under another name."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                yield SpoolEntry(**json.loads(path.read_text()))
            except (ValueError, TypeError):
                path.replace(path.with_suffix(DAMAGED_SUFFIX))

    def _path(self, entry: SpoolEntry) -> Path:
        return self._folder / f"{entry.job_id}-{entry.attempt}.json"

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
