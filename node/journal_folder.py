"""The folder of a node's journals: one file an epoch, one process at a time.

The journal of an epoch is kept until the next epoch has a final block, so that "no journal of this
epoch" can be told apart from "the folder was lost" (S10).
"""

import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ledger.types import Epoch, Hash, PublicKey, View
from node.disk import Disk, DiskLock, LockHeld, SystemDisk
from node.failpoints import Failpoints, NoFailpoints
from node.journal import Journal, JournalError
from node.journal_format import FORMAT_VERSION, SALT_BYTES, JournalIdentity

_NAME: Final = re.compile(r"epoch-(0|[1-9][0-9]{0,18})\.journal")

_ASIDE: Final = "epoch-{}.stopped"


class JournalLocked(JournalError):
    """Another process uses the folder."""

    code = "JOURNAL_LOCKED"

    def __init__(self, folder: Path, holder: str) -> None:
        """State the folder and what is known of the other process."""
        super().__init__(
            f"another process ({holder or 'unknown'}) uses {folder}: two nodes with one key would "
            "contradict each other. Stop the other one first"
        )


class JournalFolder:
    """Journals of one validator key on one chain. The lock is held until `close`."""

    def __init__(
        self,
        folder: Path,
        genesis_digest: Hash,
        public_key: PublicKey,
        failpoints: Failpoints | None = None,
        disk: Disk | None = None,
        *,
        salt: Callable[[], bytes] = lambda: secrets.token_bytes(SALT_BYTES),
    ) -> None:
        """Make the folder if need be, and lock it. `salt` gives random bytes for each new file.

        Raises:
            JournalLocked: another process has it.
        """
        self._disk = disk or SystemDisk()
        self._disk.make_folder(folder)
        self._folder = folder
        self._genesis_digest = genesis_digest
        self._public_key = public_key
        self._failpoints = failpoints or NoFailpoints()
        self._salt = salt
        self._lock = self._take_lock()

    def epochs(self) -> set[Epoch]:
        """Return the epochs that have a journal here."""
        matches = (_NAME.fullmatch(name) for name in self._disk.names(self._folder))
        return {int(match[1]) for match in matches if match}

    def open(self, epoch: Epoch) -> Journal:
        """Open an epoch's journal.

        Raises:
            JournalError: it cannot be trusted.
            FileNotFoundError: there is none.
        """
        return Journal(self._path(epoch), self._identity(epoch), self._failpoints, self._disk)

    def create(self, epoch: Epoch, *, floor: View = 0) -> Journal:
        """Make an epoch's journal; `floor` is the view up to which the store has everything.

        Raises:
            FileExistsError: there is one.
        """
        path, identity = self._path(epoch), self._identity(epoch)
        return Journal.create(path, identity, self._failpoints, self._disk, floor=floor)

    def remove_before(self, epoch: Epoch) -> None:
        """Remove journals of earlier epochs, once this one has a final block."""
        for earlier in self.epochs():
            if earlier < epoch:
                self._disk.remove(self._path(earlier))

    def was_put_aside(self, epoch: Epoch) -> bool:
        """Return whether the epoch's journal was put aside, now or before a restart."""
        return _ASIDE.format(epoch) in self._disk.names(self._folder)

    def put_aside(self, epoch: Epoch) -> None:
        """Keep an epoch's journal for people to read, under a name that nothing opens.

        Where there is none, an empty file says that one was lost.
        """
        aside = self._folder / _ASIDE.format(epoch)
        if epoch in self.epochs():
            self._disk.rename(self._path(epoch), aside)
        elif not self.was_put_aside(epoch):
            self._disk.create(aside, b"")

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def _path(self, epoch: Epoch) -> Path:
        return self._folder / f"epoch-{epoch}.journal"

    def _identity(self, epoch: Epoch) -> JournalIdentity:
        return JournalIdentity(
            FORMAT_VERSION, self._genesis_digest, epoch, self._public_key, self._salt()
        )

    def _take_lock(self) -> DiskLock:
        try:
            return self._disk.lock(self._folder / "lock")
        except LockHeld as held:
            raise JournalLocked(self._folder, held.holder) from None
