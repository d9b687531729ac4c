"""The directory of a devnet: what is where, and that only one devnet uses it."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import Self

from devnet.network.errors import DevnetRunning, DirectoryUnusable

FORMAT = "aitbc devnet 1\n"
"""Content of the file that marks a directory as a devnet's, so that `--fresh` deletes no other."""


class DevnetDirectory:
    """Paths of a devnet; a context manager that holds its lock."""

    def __init__(self, root: Path) -> None:
        """Name the paths below `root`; nothing is touched."""
        self.root = root
        self.marker = root / "FORMAT"
        self.keys = root / "keys"
        self.passphrase = self.keys / "passphrase"
        self.genesis_spec = root / "genesis.toml"
        self.genesis = root / "genesis.json"
        self.node = root / "node-1"
        self.miner = root / "miner-1"
        self.logs = root / "logs"
        self._lock_file = root.with_name(root.name + ".lock")
        self._lock_descriptor = -1

    def key_file(self, name: str) -> Path:
        """Return the path of a key file."""
        return self.keys / f"{name}.json"

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            DevnetRunning: another devnet holds it.
            DirectoryUnusable: the directory holds something else.
        """
        self.root.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 64, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise DevnetRunning(
                f"a devnet already runs in {self.root} (process {holder or 'unknown'}). "
                "Use that one, stop it with Ctrl-C in its terminal, or start this one beside it: "
                "--directory OTHER --port 8021"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock_descriptor = descriptor
        try:
            self._check_marker()
        except DirectoryUnusable:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock; the lock file stays, since deleting it would race."""
        os.ftruncate(self._lock_descriptor, 0)
        os.close(self._lock_descriptor)

    def is_provisioned(self) -> bool:
        """Return whether a devnet was made here and its making was finished."""
        return self.marker.exists()

    def mark_provisioned(self) -> None:
        """Record that everything a start needs is here."""
        self.marker.write_text(FORMAT)

    def clear(self) -> None:
        """Delete the devnet; the directory was checked to be one when the lock was taken."""
        shutil.rmtree(self.root, ignore_errors=False) if self.root.exists() else None

    def _check_marker(self) -> None:
        if self.marker.exists():
            if self.marker.read_text() != FORMAT:
                raise DirectoryUnusable(
                    f"{self.root} was made by another version; begin anew with --fresh "
                    "after deleting it, or choose another --directory"
                )
        elif self.root.exists() and any(self.root.iterdir()) and not self.keys.exists():
            raise DirectoryUnusable(
                f"{self.root} is not empty and not a devnet; choose another --directory"
            )
