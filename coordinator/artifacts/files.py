"""The files of artifacts: named by their digest, and drafts beside them until they are whole."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from ledger.types import Hash

_DIGITS: Final = 64


class ArtifactFolder:
    """The folder of one coordinator. Nothing here blocks for long; call it from a thread."""

    def __init__(self, folder: Path) -> None:
        """Make the folder, and clear what a stopped process began and did not end."""
        self._folder = folder
        self._drafts = folder / "drafts"
        self._uploads = folder / "uploads"
        for inner in (self._drafts, self._uploads):
            inner.mkdir(parents=True, exist_ok=True)
        for draft in self._drafts.iterdir():
            draft.unlink()

    def new_draft(self) -> tuple[IO[bytes], Path]:
        """Return a new file to write, and where it is."""
        descriptor, path = tempfile.mkstemp(dir=self._drafts)
        return os.fdopen(descriptor, "wb"), Path(path)

    def upload_path(self, upload_id: str) -> Path:
        """Return where the pieces of an upload are put together."""
        return self._uploads / upload_id

    def path_of(self, digest: Hash) -> Path:
        """Return where a whole file is."""
        name = digest.hex()
        return self._folder / name[:2] / name

    def place(self, draft: Path, digest: Hash) -> None:
        """Give a draft its name; returns when that is durable."""
        path = self.path_of(digest)
        path.parent.mkdir(exist_ok=True)
        draft.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self, digest: Hash) -> None:
        """Delete a whole file, if it is there."""
        self.path_of(digest).unlink(missing_ok=True)

    def whole(self) -> Iterator[Hash]:
        """Yield the digests of all whole files."""
        for inner in self._folder.iterdir():
            if len(inner.name) != 2 or not inner.is_dir():
                continue
            for path in inner.iterdir():
                if len(path.name) == _DIGITS:
                    yield bytes.fromhex(path.name)

    def upload_ids(self) -> list[str]:
        """Return the uploads of which there are pieces."""
        return [path.name for path in self._uploads.iterdir()]


def make_durable(file: IO[bytes]) -> None:
    """Bring what was written to the disk."""
    file.flush()
    os.fsync(file.fileno())
