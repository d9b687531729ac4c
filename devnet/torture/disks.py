"""Disks that get full: a small file system per node where the machine allows it, else a limit.

With the right to mount (root, as in CI), a node's data folder is a file system of its own in
memory, and a ballast file fills it: writes fail with ENOSPC, as on a full disk. Without it, the
process gets a limit on the size of files (RLIMIT_FSIZE): writes that make a file longer fail with
EFBIG, until the limit is lifted or the process starts anew.
"""

import errno
import os
import resource
import shutil
import subprocess
from pathlib import Path

DISK_BYTES = 64 * 1_048_576
"""Size of a small disk: far above what a scenario writes, quick to fill."""

_CHUNK = bytes(1_048_576)


class SmallDisk:
    """The disk under one node's data folder; a context manager's job is done by `remove`."""

    def __init__(self, folder: Path, *, may_mount: bool = True) -> None:
        """Put a small file system at `folder`, an empty directory, if this process may.

        Args:
            folder: where the node writes.
            may_mount: False to limit the process in any case.
        """
        self._folder = folder
        self._ballast = folder / "ballast"
        self.is_mounted = may_mount and self._mount()

    def _mount(self) -> bool:
        size = f"size={DISK_BYTES},mode=0700"
        mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", size, "tmpfs"]
        try:
            done = subprocess.run([*mount, str(self._folder)], capture_output=True, check=False)
        except FileNotFoundError:
            return False
        return done.returncode == 0

    def fill(self, pid: int) -> None:
        """Leave no room for a further byte.

        Args:
            pid: the node's process, for a machine that mounts nothing.
        """
        if not self.is_mounted:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
            return
        with self._ballast.open("ab", buffering=0) as ballast:
            size = len(_CHUNK)
            while size:
                try:
                    ballast.write(_CHUNK[:size])
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def free(self, pid: int | None) -> None:
        """Give room again.

        Args:
            pid: the node's process, None if it ended.
        """
        if self.is_mounted:
            self._ballast.unlink(missing_ok=True)
        elif pid is not None:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    def remove(self) -> None:
        """Take the file system away with all that is on it; nothing uses it any more."""
        if self.is_mounted:
            unmount = [shutil.which("umount") or "umount"]
            subprocess.run([*unmount, str(self._folder)], capture_output=True, check=False)
            if os.path.ismount(self._folder):
                subprocess.run([*unmount, "-l", str(self._folder)], check=True)
            self.is_mounted = False
