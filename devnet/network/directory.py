"""The directory of a devnet: what is where, and that only one devnet uses it."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import Self

import msgspec

from devnet.network.errors import DevnetRunning, DirectoryUnusable
from devnet.network.plan import Shape

FORMAT = "aitbc devnet 2\n"
"""Content of the file that marks a directory as a devnet's, so that `--fresh` deletes no other."""


class DevnetDirectory:
    """Paths of a devnet; a context manager that holds its lock."""

    def __init__(self, root: Path) -> None:
        """Name the paths below `root`; nothing is touched."""
        self.root = root
        self.marker = root / "FORMAT"
        self.keys = root / "keys"
        self.passphrase = self.keys / "passphrase"
        self.shape = root / "shape.json"
        self.genesis = root / "genesis.json"
        self.server = root / "postgresql"
        self.logs = root / "logs"
        self._lock_file = root.with_name(root.name + ".lock")
        self._lock_descriptor = -1

    def key_file(self, name: str) -> Path:
        """Return the path of a key file."""
        return self.keys / f"{name}.json"

    def folder(self, name: str) -> Path:
        """Return the folder of a node or a miner."""
        return self.root / name

    def config_file(self, name: str) -> Path:
        """Return the configuration of a node."""
        return self.folder(name) / "config.toml"

    def data(self, name: str) -> Path:
        """Return the folder that a node writes to: chain, journal, index."""
        return self.folder(name) / "data"

    def log_file(self, name: str) -> Path:
        """Return what a process prints."""
        return self.logs / f"{name}.log"

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

    def mark_provisioned(self, shape: Shape) -> None:
        """Record that everything a start needs is here, and how many nodes there are."""
        self.shape.write_bytes(msgspec.json.encode(shape))
        self.marker.write_text(FORMAT)

    def read_shape(self) -> Shape:
        """Return how many nodes there are."""
        return msgspec.json.decode(self.shape.read_bytes(), type=Shape)

    def clear(self) -> None:
        """Delete the devnet; the directory was checked to be one when the lock was taken."""
        shutil.rmtree(self.root, ignore_errors=False) if self.root.exists() else None

    def _check_marker(self) -> None:
        if self.marker.exists():
            if self.marker.read_text() != FORMAT:
                raise DirectoryUnusable(
                    f"{self.root} was made by another version; delete it, or choose another "
                    "--directory"
                )
        elif self.root.exists() and any(self.root.iterdir()) and not self.keys.exists():
            raise DirectoryUnusable(
                f"{self.root} is not empty and not a devnet; choose another --directory"
            )
