"""Run a real process whose file operations are logged below it, and read the log."""

import os
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

SOURCE = Path(__file__).with_name("disklog.c")
HEADER = struct.Struct("<cQQIII")


class Kind(Enum):
    """What happened; the values are those of the log."""

    CREATE = b"C"
    WRITE = b"W"
    TRUNCATE = b"T"
    SYNC_FILE = b"S"
    SYNC_FOLDER = b"G"
    RENAME = b"R"
    UNLINK = b"U"
    MAKE_FOLDER = b"M"
    LINK = b"L"
    SAID = b"E"
    """Bytes that left the process through a pipe or a socket."""
    UNSUPPORTED = b"X"
    """Something that the model of the disk cannot follow; the test must avoid it."""


@dataclass(frozen=True, slots=True)
class Event:
    """One operation, in the order in which it took effect."""

    kind: Kind
    file: int
    """Inode of the file; the descriptor for SAID."""
    offset: int
    """Where a write begins; the new size for a truncation."""
    path: str
    second_path: str
    """New name of a rename or a link."""
    data: bytes


def build(compiler: str, folder: Path) -> Path:
    """Compile the library that is preloaded."""
    library = folder / "disklog.so"
    options = ["-O1", "-shared", "-fPIC", "-fvisibility=hidden"]
    subprocess.run([compiler, *options, "-o", library, SOURCE, "-lpthread"], check=True)
    return library


def environment(library: Path, root: Path, log: Path) -> dict[str, str]:
    """Return what to add to the environment of a process whose files in `root` are watched.

    The log must not lie in `root`. The process's own children log to the same file; only
    operations of one process are ordered against each other.
    """
    assert not log.resolve().is_relative_to(root.resolve())
    return {
        "LD_PRELOAD": str(library),
        "DISKLOG_ROOT": str(root.resolve()),
        "DISKLOG_FILE": str(log),
    }


def run(
    library: Path, root: Path, log: Path, command: Sequence[str], more: Mapping[str, str]
) -> list[Event]:
    """Run a command to its end, and return what it did."""
    variables = {**os.environ, **more, **environment(library, root, log)}
    done = subprocess.run(
        command, env=variables, capture_output=True, timeout=100, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return read(log)


def read(log: Path) -> list[Event]:
    """Return the events of a log; an unfinished record at the end, of a killed process, is left."""
    return list(_parse(log.read_bytes()))


def _parse(log: bytes) -> Iterator[Event]:
    at = 0
    while at + HEADER.size <= len(log):
        kind, file, offset, *lengths = HEADER.unpack_from(log, at)
        at += HEADER.size
        if at + sum(lengths) > len(log):
            return
        parts = []
        for length in lengths:
            parts.append(log[at : at + length])
            at += length
        path, second_path, data = parts
        yield Event(Kind(kind), file, offset, os.fsdecode(path), os.fsdecode(second_path), data)
