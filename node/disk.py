"""The disk under the vote journals, as a port: what is written is not kept until it is synced.

`SystemDisk` is the machine's. The simulator has one that loses, tears and refuses writes as a
power cut or a full disk does, so that the journal's own code is what runs there.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Protocol

from node.durable import sync_folder, write_new_file

_PRIVATE: Final = 0o600


class DiskFile(Protocol):
    """An open file; one thread at a time uses it. Everything may raise OSError."""

    def read(self) -> bytes:
        """Return all of it."""

    def write(self, data: bytes, offset: int) -> None:
        """Write at an offset; a crash before `sync` may keep all, some or none of it."""

    def truncate(self, size: int) -> None:
        """Cut the file at a size, durably."""

    def sync(self) -> None:
        """Make what was written durable."""

    def close(self) -> None:
        """Close it; nothing more is synced."""


class DiskLock(Protocol):
    """A lock that one process at a time holds, and loses when it ends."""

    def release(self) -> None:
        """Let another process have it."""


class LockHeld(Exception):
    """Another process holds the lock."""

    def __init__(self, holder: str) -> None:
        """State what the holder wrote of itself; may be empty."""
        super().__init__(f"held by {holder or 'an unknown process'}")
        self.holder = holder


class Disk(Protocol):
    """What the journals need of a file system."""

    def make_folder(self, folder: Path) -> None:
        """Make a private folder that survives a power cut, unless it is there."""

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, in any order."""

    def lock(self, path: Path) -> DiskLock:
        """Take the lock of a path.

        Raises:
            LockHeld: another process has it.
        """

    def open(self, path: Path) -> DiskFile:
        """Open a file for reading and writing.

        Raises:
            FileNotFoundError: there is none.
        """

    def create(self, path: Path, data: bytes) -> None:
        """Make a private file that appears whole and durable.

        Raises:
            FileExistsError: there is one.
        """

    def draft(self, path: Path) -> DiskFile:
        """Make an empty private file, in the place of any other of that name."""

    def rename(self, draft: Path, path: Path) -> None:
        """Put a synced file in the place of another, at once and durably."""

    def remove(self, path: Path) -> None:
        """Remove a file; a crash may bring it back."""


class SystemDisk:
    """The machine's disk."""

    def make_folder(self, folder: Path) -> None:
        """Make a private folder that survives a power cut, unless it is there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, in any order."""
        return [path.name for path in folder.iterdir()]

    def lock(self, path: Path) -> DiskLock:
        """Take the lock of a path; the file names the process."""
        return _SystemLock(path)

    def open(self, path: Path) -> DiskFile:
        """Open a file for reading and writing."""
        return _SystemFile(os.open(path, os.O_RDWR))

    def create(self, path: Path, data: bytes) -> None:
        """Make a private file that appears whole and durable."""
        write_new_file(path, data, _PRIVATE)

    def draft(self, path: Path) -> DiskFile:
        """Make an empty private file, in the place of any other of that name."""
        return _SystemFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _PRIVATE))

    def rename(self, draft: Path, path: Path) -> None:
        """Put a synced file in the place of another, at once and durably."""
        draft.replace(path)
        sync_folder(path.parent)

    def remove(self, path: Path) -> None:
        """Remove a file; a crash may bring it back."""
        path.unlink()


class _SystemFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> bytes:
        found, at = [], 0
        while piece := os.pread(self._descriptor, 1 << 20, at):
            found.append(piece)
            at += len(piece)
        return b"".join(found)

    def write(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:  # A short write is not an error to the system.
            written = os.pwrite(self._descriptor, view, offset)
            view, offset = view[written:], offset + written

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        os.fsync(self._descriptor)

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class _SystemLock:
    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 64, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise LockHeld(holder) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"pid {os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)
