"""Locks that keep two processes from using one folder or one key; the system frees them at exit."""

import fcntl
import os
from pathlib import Path
from typing import ClassVar

from node.disk import DiskLock, LockHeld, SystemDisk
from node.journal import JournalError


class DataFolderLocked(JournalError):
    """Another process uses the data folder."""

    code: ClassVar[str] = "DATA_FOLDER_LOCKED"

    def __init__(self, folder: Path, holder: str) -> None:
        """State the folder and what is known of the other process."""
        super().__init__(
            f"another process ({holder or 'unknown'}) uses {folder}: a node needs a folder of its "
            "own. Stop the other one first, or name another data_directory"
        )


class KeyLocked(JournalError):
    """Another process has the validator's key."""

    code: ClassVar[str] = "KEY_LOCKED"

    def __init__(self, path: Path) -> None:
        """State the file."""
        super().__init__(
            f"another process uses the validator key {path}: two nodes with one key would "
            "contradict each other. Stop the other one first"
        )


def lock_folder(folder: Path) -> DiskLock:
    """Take the lock of a data folder that exists.

    Raises:
        DataFolderLocked: another process has it.
    """
    try:
        return SystemDisk().lock(folder / "lock")
    except LockHeld as held:
        raise DataFolderLocked(folder, held.holder) from None


class KeyLock:
    """The lock of a key file, whatever folder the node works in."""

    def __init__(self, path: Path) -> None:
        """Take it.

        Raises:
            KeyLocked: another process has it.
        """
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise KeyLocked(path) from None

    def release(self) -> None:
        """Let another process have it."""
        os.close(self._descriptor)
