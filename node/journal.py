"""The vote journal of one epoch: what this validator said, durable before anybody hears it.

A validator that forgets a vote can contradict it, which is what Byzantine means. So a batch is
appended in one write and synced before any message that depends on it is sent, and a journal that
cannot be trusted completely stops the node instead of being repaired by guessing:

    a torn last frame     truncated and reported: nothing in it was ever sent
    damage before a frame refused (`JournalCorrupt`)
    a failed write        refused for ever (`JournalFailed`): what the disk holds is not known

Entries at or below the floor are dropped by rewriting the file when that saves much: a draft is
written, synced, and renamed over the old one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from ledger.codec import encode
from ledger.types import View
from node.disk import Disk, SystemDisk
from node.failpoints import Failpoint, Failpoints, NoFailpoints
from node.journal_format import (
    Entry,
    FloorMark,
    JournalIdentity,
    decode_batch,
    decode_identity,
    encode_batches,
    encode_entry,
    encode_frame,
    has_frame_after,
    read_frame,
)

COMPACT_BYTES: Final = 32 * 1_048_576
"""Size from which a rewrite is worth its two syncs."""


class JournalError(Exception):
    """The journal cannot be used as it is; the node does not sign."""

    code: ClassVar[str] = "JOURNAL_ERROR"


class JournalCorrupt(JournalError):
    """Damage that no crash of this program explains."""

    code = "JOURNAL_CORRUPT"

    def __init__(self, path: Path, offset: int, reason: str) -> None:
        """State the file, where the damage is and what it is."""
        super().__init__(
            f"{path} is damaged at byte {offset}: {reason}. Votes that this validator sent may be "
            "missing from it, so it must not sign in this epoch. Restore the file from this "
            "machine's disk; never from an older copy"
        )
        self.offset = offset


class JournalForeign(JournalError):
    """A file of another chain, epoch or key."""

    code = "JOURNAL_FOREIGN"

    def __init__(self, path: Path, field: str, found: object, expected: object) -> None:
        """State the file, and both values of the field that differs."""
        super().__init__(f"{path} is of another {field}: {_shown(found)}, not {_shown(expected)}")
        self.field = field


class JournalFailed(JournalError):
    """Writing failed: what is on the disk is unknown, so nothing may be sent any more."""

    code = "JOURNAL_FAILED"

    def __init__(self, path: Path, error: OSError) -> None:
        """State the file and the system's reason."""
        super().__init__(f"{path} cannot be written: {error.strerror or error}")


@dataclass(frozen=True, slots=True)
class TornTail:
    """A write that a crash cut off; nothing in it was sent."""

    offset: int
    """Where the file now ends."""
    dropped_bytes: int
    """How much was cut off."""


class Journal:
    """An open journal. One thread at a time uses it."""

    def __init__(
        self,
        path: Path,
        identity: JournalIdentity,
        failpoints: Failpoints | None = None,
        disk: Disk | None = None,
    ) -> None:
        """Open an existing file, whose salt is its own; see `create`.

        Raises:
            JournalCorrupt, JournalForeign: see the classes.
            FileNotFoundError: there is none.
        """
        self._path = path
        self._identity = identity
        self._failpoints = failpoints or NoFailpoints()
        self._disk = disk or SystemDisk()
        self._retained: list[tuple[View, msgspec.Raw]] = []
        self._floor: View = 0
        self._failed: JournalFailed | None = None
        self.entries: tuple[Entry, ...] = ()
        """What the file held when it was opened, oldest first."""
        self.torn: TornTail | None = None
        """What was cut off when it was opened."""
        self._file = self._disk.open(path)
        self._read()

    @classmethod
    def create(
        cls,
        path: Path,
        identity: JournalIdentity,
        failpoints: Failpoints | None = None,
        disk: Disk | None = None,
        *,
        floor: View = 0,
    ) -> "Journal":
        """Make a journal that is durable, name included, before it is used.

        Args:
            path: of the file.
            identity: whose votes it holds, with a salt that no other file has.
            failpoints: where tests end the process.
            disk: where the file is; the machine's by default.
            floor: view up to which the store has everything. It is there with the file: a journal
                without it, left by a crash in between, would be behind its store.

        Raises:
            FileExistsError: there is one.
        """
        data = _identity_frame(identity)
        if floor:
            for payload in encode_batches([encode_entry(FloorMark(floor))]):
                data += encode_frame(1, payload, identity.salt)
        (disk or SystemDisk()).create(path, data)
        return cls(path, identity, failpoints, disk)

    def take_entries(self) -> tuple[Entry, ...]:
        """Return `entries` and let go of them: they may hold many blocks."""
        entries, self.entries = self.entries, ()
        return entries

    @property
    def floor_mark(self) -> View:
        """View up to which entries were dropped because the store has the blocks."""
        return self._floor

    @property
    def size_bytes(self) -> int:
        """Bytes of the file."""
        return self._size

    def append(self, entries: Sequence[Entry]) -> None:
        """Make a batch durable: one write, one sync. When it returns, messages may be sent.

        Many large blocks at once, as in catching up, take a write and a sync for each frame: only
        the last frame of a file may ever be torn.

        Raises:
            JournalFailed: now and on every later call.
        """
        if self._failed:
            raise self._failed
        encoded = [encode_entry(entry) for entry in entries]
        for payload in encode_batches(encoded):
            self._append_frame(encode_frame(self._sequence, payload, self._identity.salt))
        self._retain(zip(entries, encoded, strict=True))

    def _append_frame(self, frame: bytes) -> None:
        self._failpoints.reached(Failpoint.BEFORE_JOURNAL_APPEND)
        try:
            self._file.write(frame, self._size)
            self._failpoints.reached(Failpoint.BEFORE_JOURNAL_SYNC)
            self._file.sync()
        except OSError as error:
            self._failed = JournalFailed(self._path, error)
            raise self._failed from error
        self._failpoints.reached(Failpoint.AFTER_JOURNAL_SYNC)
        self._sequence += 1
        self._size += len(frame)

    def forget(self, floor: View) -> None:
        """Drop entries up to a view whose blocks are durable in the store.

        The file is rewritten only when that halves it at least.

        Raises:
            JournalFailed: the rewrite failed; the old file is still whole, but not trusted.
        """
        if floor <= self._floor:
            return
        self._floor = floor
        self._retained = [(view, raw) for view, raw in self._retained if view > floor]
        if self._size >= COMPACT_BYTES and self._size >= 2 * sum(
            len(bytes(raw)) for _, raw in self._retained
        ):
            self.compact()

    def compact(self) -> None:
        """Rewrite the file with the entries above the floor only.

        Raises:
            JournalFailed: see `forget`.
        """
        if self._failed:
            raise self._failed
        entries = [encode_entry(FloorMark(self._floor)), *(raw for _, raw in self._retained)]
        frames = [_identity_frame(self._identity)]
        for payload in encode_batches(entries):
            frames.append(encode_frame(len(frames), payload, self._identity.salt))
        data = b"".join(frames)
        draft = self._path.with_suffix(".draft")
        try:
            file = self._disk.draft(draft)
            file.write(data, 0)
            file.sync()
            self._disk.rename(draft, self._path)
        except OSError as error:
            self._failed = JournalFailed(draft, error)
            raise self._failed from error
        self._file.close()
        self._file, self._size, self._sequence = file, len(data), len(frames)

    def close(self) -> None:
        """Close the file; everything appended is durable already."""
        self._file.close()

    def _read(self) -> None:
        data = self._file.read()
        frame = read_frame(data, 0, b"")
        if frame is None or frame.sequence != 0:
            raise JournalCorrupt(self._path, 0, "its first frame is not whole")
        self._identity = self._checked_identity(frame.payload)
        salt = self._identity.salt
        found: list[Entry] = []
        end, self._sequence = frame.end, 1
        while frame := read_frame(data, end, salt):
            if frame.sequence != self._sequence:
                reason = f"frame {frame.sequence} follows frame {self._sequence - 1}"
                raise JournalCorrupt(self._path, end, reason)
            try:
                batch = decode_batch(frame.payload)
            except msgspec.DecodeError as error:
                raise JournalCorrupt(self._path, end, str(error)) from None
            found += [entry for entry, _ in batch]
            self._retain(batch)
            end, self._sequence = frame.end, self._sequence + 1
        self._size = end
        self.entries = tuple(found)
        if end < len(data):
            self._cut_tail(data, end)

    def _checked_identity(self, payload: bytes) -> JournalIdentity:
        try:
            found = decode_identity(payload)
        except msgspec.DecodeError as error:
            raise JournalCorrupt(self._path, 0, str(error)) from None
        for field in ("version", "genesis_digest", "epoch", "public_key"):
            value, expected = getattr(found, field), getattr(self._identity, field)
            if value != expected:
                raise JournalForeign(self._path, field, value, expected)
        return found

    def _cut_tail(self, data: bytes, end: int) -> None:
        if has_frame_after(data, end, self._identity.salt):
            raise JournalCorrupt(self._path, end, "a whole frame follows a broken one")
        self._file.truncate(end)
        self.torn = TornTail(end, len(data) - end)

    def _retain(self, batch: Iterable[tuple[Entry, msgspec.Raw]]) -> None:
        for entry, raw in batch:
            if isinstance(entry, FloorMark):
                self._floor = max(self._floor, entry.view)
            elif entry.view > self._floor:
                self._retained.append((entry.view, raw))


def _identity_frame(identity: JournalIdentity) -> bytes:
    return encode_frame(0, encode(identity), b"")


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
