"""A disk that keeps what was synced, and of the rest what a power cut happens to leave.

Implements `node.disk.Disk` under the journal's own code. Names are durable at once, as the real
one's `create` and `rename` are; a removed file may come back.
"""

import errno
import random
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from node.disk import LockHeld


class Loss(Enum):
    """How a process ends, which decides what becomes of writes that were not synced."""

    KILLED = "killed"
    """The system lives on: everything written is kept."""
    POWER = "power cut"
    """Each write that was not synced is kept, torn, blanked or gone."""


@dataclass(slots=True)
class _Content:
    durable: bytes = b""
    pending: list[tuple[int, bytes]] = field(default_factory=list)

    def data(self) -> bytes:
        data = self.durable
        for offset, written in self.pending:
            data = _patched(data, offset, written)
        return data


class SimDisk:
    """One machine's disk; outlives its processes."""

    def __init__(self, source: random.Random) -> None:
        """Start empty; `source` decides what a power cut leaves."""
        self._random = source
        self._files: dict[Path, _Content] = {}
        self._removed: dict[Path, _Content] = {}
        self._locked: set[Path] = set()
        self.is_full = False
        """Whether writes fail for lack of space."""
        self.synced_bytes = 0
        """All that was ever made durable, for measuring."""

    # ------------------------------------------------------------ what the journal asks for

    def make_folder(self, folder: Path) -> None:
        """Make a private folder that survives a power cut, unless it is there."""

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, in any order."""
        return [path.name for path in self._files if path.parent == folder]

    def lock(self, path: Path) -> "_Lock":
        """Take the lock of a path."""
        if path in self._locked:
            raise LockHeld("another simulated process")
        self._locked.add(path)
        return _Lock(self._locked, path)

    def open(self, path: Path) -> "_File":
        """Open a file for reading and writing."""
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return _File(self, self._files[path])

    def create(self, path: Path, data: bytes) -> None:
        """Make a private file that appears whole and durable."""
        self.check_room()
        if path in self._files:
            raise FileExistsError(errno.EEXIST, "file exists", str(path))
        self._files[path] = _Content(data)

    def draft(self, path: Path) -> "_File":
        """Make an empty private file, in the place of any other of that name."""
        self.check_room()
        self._files[path] = _Content()
        return _File(self, self._files[path])

    def rename(self, draft: Path, path: Path) -> None:
        """Put a synced file in the place of another, at once and durably."""
        self._files[path] = self._files.pop(draft)

    def remove(self, path: Path) -> None:
        """Remove a file; a crash may bring it back."""
        self._removed[path] = self._files.pop(path)

    # ------------------------------------------------------------ what befalls it

    def lose(self, loss: Loss) -> None:
        """End every process that used it; unsynced writes share its fate."""
        self._locked.clear()
        for content in self._files.values():
            pending, content.pending = content.pending, []
            for offset, written in pending:
                left = written if loss is Loss.KILLED else self._remains(written)
                content.durable = _patched(content.durable, offset, left)
        if loss is Loss.POWER and self._random.random() < 0.5:
            self._files |= {p: c for p, c in self._removed.items() if p not in self._files}
        self._removed.clear()

    def wipe(self) -> None:
        """Lose everything, as a replaced disk does."""
        self._files.clear()
        self._removed.clear()

    def copy(self) -> dict[Path, bytes]:
        """Return what is durable, as an operator would copy it."""
        return {path: content.durable for path, content in self._files.items()}

    def restore(self, copy: dict[Path, bytes]) -> None:
        """Put a copy in the place of everything."""
        self._files = {path: _Content(data) for path, data in copy.items()}

    def rename_journal(self, epoch: int, as_epoch: int) -> None:
        """Give one epoch's journal the name of another's as well, if it is there."""
        for path in list(self._files):
            if path.name == f"epoch-{epoch}.journal":
                other = path.with_name(f"epoch-{as_epoch}.journal")
                self._files[other] = _Content(self._files[path].durable)

    def holds(self, piece: bytes) -> bool:
        """Return whether any file durably contains these bytes."""
        return any(piece in content.durable for content in self._files.values())

    def check_room(self) -> None:
        """Fail as a full disk does, if it is one."""
        if self.is_full:
            raise OSError(errno.ENOSPC, "no space left on device")

    def _remains(self, written: bytes) -> bytes:
        """Return what a power cut leaves of a write: nothing, a part, zeros, or all."""
        match self._random.randrange(4):
            case 0:
                return b""
            case 1:
                return written[: self._random.randrange(len(written) + 1)]
            case 2:  # The file had grown already; its new blocks had not been written.
                kept = self._random.randrange(len(written) + 1)
                return written[:kept] + bytes(len(written) - kept)
            case _:
                return written


class _File:
    def __init__(self, disk: SimDisk, content: _Content) -> None:
        self._disk = disk
        self._content = content

    def read(self) -> bytes:
        return self._content.data()

    def write(self, data: bytes, offset: int) -> None:
        self._disk.check_room()
        self._content.pending.append((offset, data))

    def truncate(self, size: int) -> None:
        self.sync()
        self._content.durable = self._content.durable[:size]

    def sync(self) -> None:
        self._disk.check_room()
        self._disk.synced_bytes += sum(len(data) for _, data in self._content.pending)
        self._content.durable = self._content.data()
        self._content.pending.clear()

    def close(self) -> None:
        pass


class _Lock:
    def __init__(self, locked: set[Path], path: Path) -> None:
        self._locked = locked
        self._path = path

    def release(self) -> None:
        self._locked.discard(self._path)


def _patched(data: bytes, offset: int, written: bytes) -> bytes:
    return data[:offset].ljust(offset, b"\0") + written + data[offset + len(written) :]
