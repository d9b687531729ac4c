"""A disk that keeps what was synced, and of the rest what chance leaves.

The model promises no more than POSIX does. What is written to a file is certain after an fsync of
the file; that a name exists, is gone or means another file is certain after an fsync of its folder.
Until then each operation may be on the disk or not, on its own, whatever came after it, and a write
may be there in part, by sectors. File systems keep more order than that; a program that survives
this disk survives them.

Taken for granted: a rename is atomic, a sector is written whole or not at all, and what was synced
stays as it is. SQLite's ``-shm`` files are memory that happens to have a name, and never survive.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from random import Random
from typing import Protocol

from tests.crash.disklog import Event, Kind

SECTOR = 512
_FOLDER = -1
"""Stands for the contents of a folder, which has none."""


class Chance(Protocol):
    """Decides what of the unsynced survives."""

    def keeps(self) -> bool:
        """Return whether the next unsynced operation is on the disk."""

    def tears(self) -> bool:
        """Return whether a write that is on the disk may be there in part."""

    def keeps_sector(self) -> bool:
        """Return whether the next sector of a torn write is there."""


class NothingUnsynced:
    """The drive's cache was full of everything that was not synced."""

    def keeps(self) -> bool:
        return False

    def tears(self) -> bool:
        return False

    def keeps_sector(self) -> bool:
        return False


class Luck:
    """Each operation for itself, by a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._kept = self._random.choice([0.1, 0.5, 0.9, 1.0])
        self._torn = self._random.choice([0.0, 0.5])

    def keeps(self) -> bool:
        return self._random.random() < self._kept

    def tears(self) -> bool:
        return self._random.random() < self._torn

    def keeps_sector(self) -> bool:
        return self._random.random() < 0.5


@dataclass(frozen=True, slots=True)
class Image:
    """What is found on the disk after the power came back."""

    folders: tuple[str, ...]
    files: dict[str, bytes]

    @property
    def digest(self) -> bytes:
        """Equal for equal images."""
        state = hashlib.sha256(repr(self.folders).encode())
        for name, data in sorted(self.files.items()):
            state.update(repr((name, len(data))).encode() + data)
        return state.digest()

    def write_to(self, root: Path) -> None:
        """Lay the files out in an empty folder."""
        for folder in self.folders:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (root / name).write_bytes(data)


@dataclass(slots=True)
class _File:
    """Contents: what is certain, and what was done since."""

    certain: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes (offset, data) and truncations (size, None)."""

    def sync(self) -> None:
        for at, data in self.pending:
            _apply(self.certain, at, data)
        self.pending.clear()

    def after_crash(self, chance: Chance) -> bytes:
        contents = bytearray(self.certain)
        for at, data in self.pending:
            if not chance.keeps():
                continue
            if data is None or not chance.tears():
                _apply(contents, at, data)
                continue
            for start, part in _sectors(at, data):
                if chance.keeps_sector():
                    _apply(contents, start, part)
        return bytes(contents)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A change of one folder: names that go, and a name that comes to mean a file."""

    gone: tuple[str, ...]
    name: str = ""
    file: int = 0


class Disk:
    """Follows the events of a process; `after_crash` is what a power loss now would leave."""

    def __init__(self, root: Path) -> None:
        """Begin with a folder as it is, which is taken to be on the disk."""
        self._root = PurePosixPath(root.resolve())
        self._files: dict[int, _File] = {_FOLDER: _File()}
        self._names: dict[str, int] = {}
        """Certain names."""
        self._current: dict[str, int] = {}
        """Names as the process sees them."""
        self._pending: list[_Entry] = []
        self._inodes: dict[int, int] = {}
        """Inodes mean another file after the first was unlinked; ours are never used again."""
        for path in sorted(root.rglob("*")):
            self._take_up(path)

    def follow(self, event: Event) -> None:
        """Let one operation happen."""
        if event.kind is Kind.SAID:
            return
        assert event.kind is not Kind.UNSUPPORTED, f"{event.data.decode()} on {event.path}"
        if event.kind in {Kind.WRITE, Kind.TRUNCATE, Kind.SYNC_FILE}:
            self._change_contents(event)
        elif event.kind is Kind.SYNC_FOLDER:
            self._sync_folder(self._relative(event.path))
        else:
            self._change_names(event)

    def after_crash(self, chance: Chance) -> Image:
        """Return what a power loss at this moment leaves."""
        names = dict(self._names)
        for entry in self._pending:
            if chance.keeps():
                _rename(names, entry)
        folders = {name for name, file in names.items() if file == _FOLDER}
        reachable = {
            name: file
            for name, file in names.items()
            if file != _FOLDER and _parents(name) <= folders and not name.endswith("-shm")
        }
        return Image(
            tuple(sorted(folder for folder in folders if _parents(folder) <= folders)),
            {name: self._files[file].after_crash(chance) for name, file in reachable.items()},
        )

    def _take_up(self, path: Path) -> None:
        name = path.relative_to(self._root).as_posix()
        number = _FOLDER
        if not path.is_dir():
            number = len(self._files)
            self._files[number] = _File(bytearray(path.read_bytes()))
            self._inodes[path.stat().st_ino] = number
        self._names[name] = self._current[name] = number

    def _change_contents(self, event: Event) -> None:
        file = self._files[self._inodes[event.file]]
        if event.kind is Kind.SYNC_FILE:
            file.sync()
        else:
            data = event.data if event.kind is Kind.WRITE else None
            file.pending.append((event.offset, data))

    def _change_names(self, event: Event) -> None:
        name = self._relative(event.path)
        if event.kind is Kind.CREATE:
            number = len(self._files)
            self._files[number] = _File()
            self._inodes[event.file] = number
            entry = _Entry((), name, number)
        elif event.kind is Kind.MAKE_FOLDER:
            entry = _Entry((), name, _FOLDER)
        elif event.kind is Kind.UNLINK:
            entry = _Entry((name,))
        else:
            second = self._relative(event.second_path)
            assert _parent(name) == _parent(second), "a move between folders is not modelled"
            gone = (name,) if event.kind is Kind.RENAME else ()
            entry = _Entry(gone, second, self._current[name])
        _rename(self._current, entry)
        self._pending.append(entry)

    def _sync_folder(self, folder: str) -> None:
        left = []
        for entry in self._pending:
            names = (*entry.gone, *filter(None, [entry.name]))
            if {_parent(name) for name in names} == {folder}:
                _rename(self._names, entry)
            else:
                left.append(entry)
        self._pending = left

    def _relative(self, path: str) -> str:
        return PurePosixPath(path).relative_to(self._root).as_posix()


def crash_points(events: Iterable[Event]) -> list[int]:
    """Return how many events have happened at each moment after which the disk differs."""
    return [number + 1 for number, event in enumerate(events) if event.kind is not Kind.SAID]


def said(events: Iterable[Event]) -> bytes:
    """Return all that left the process during some events."""
    return b"".join(event.data for event in events if event.kind is Kind.SAID)


def _parent(name: str) -> str:
    return PurePosixPath(name).parent.as_posix()


def _parents(name: str) -> set[str]:
    return {parent.as_posix() for parent in PurePosixPath(name).parents} - {"."}


def _rename(names: dict[str, int], entry: _Entry) -> None:
    for name in entry.gone:
        names.pop(name, None)
    if entry.name:
        names[entry.name] = entry.file


def _apply(contents: bytearray, at: int, data: bytes | None) -> None:
    end = at if data is None else at + len(data)
    if end > len(contents):
        contents.extend(bytes(end - len(contents)))
    if data is None:
        del contents[at:]
    else:
        contents[at:end] = data


def _sectors(at: int, data: bytes) -> Iterable[tuple[int, bytes]]:
    """Split a write where sectors of the disk begin."""
    end = at + len(data)
    start = at
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield start, data[start - at : stop - at]
        start = stop
