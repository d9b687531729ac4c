"""The disk that forgets: it must see what real processes do, and forget what it may."""

import sys
from pathlib import Path

import pytest

from tests.crash import disklog
from tests.crash.disk import Disk, Image, Luck, NothingUnsynced, said
from tests.crash.disklog import Event, Kind


@pytest.fixture(scope="session")
def library(c_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return disklog.build(c_compiler, tmp_path_factory.mktemp("disklog"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def events_of(library: Path, root: Path, code: str) -> tuple[list[Event], Disk]:
    """Run Python code in the folder; return what it did, and the disk as it was before."""
    disk = Disk(root)
    prelude = f"import os\nos.chdir({str(root)!r})\n"
    log = root.parent / "disk.log"
    command = [sys.executable, "-S", "-c", prelude + code]
    return disklog.run(library, root, log, command, {}), disk


def lost(events: list[Event], disk: Disk) -> Image:
    for event in events:
        disk.follow(event)
    return disk.after_crash(NothingUnsynced())


SYNC_FOLDER = "d = os.open('.', os.O_RDONLY); os.fsync(d); os.close(d)\n"

SYNC_SUB = SYNC_FOLDER.replace("'.'", "'sub'")


@pytest.mark.parametrize(
    ("code", "survives"),
    [
        ("f = os.open('a', 65); os.write(f, b'x')\n", {}),
        ("f = os.open('a', 65); os.write(f, b'x'); os.fsync(f)\n", {}),
        ("f = os.open('a', 65); os.write(f, b'x')\n" + SYNC_FOLDER, {"a": b""}),
        ("f = os.open('a', 65); os.write(f, b'x'); os.fsync(f)\n" + SYNC_FOLDER, {"a": b"x"}),
        (
            "f = os.open('a', 65); os.write(f, b'x'); os.fdatasync(f); os.write(f, b'y')\n"
            + SYNC_FOLDER,
            {"a": b"x"},
        ),
        (
            "f = os.open('a', 65); os.pwrite(f, b'x', 3); os.fsync(f); os.ftruncate(f, 1)\n"
            + SYNC_FOLDER,
            {"a": b"\0\0\0x"},
        ),
        (
            "f = open('a', 'wb'); f.write(b'old'); f.flush(); os.fsync(f.fileno())\n"
            + SYNC_FOLDER
            + "f = open('b', 'wb'); f.write(b'new'); f.flush(); os.fsync(f.fileno())\n"
            + "os.replace('b', 'a')\n",
            {"a": b"old"},
        ),
        (
            "f = open('b', 'wb'); f.write(b'new'); f.flush(); os.fsync(f.fileno())\n"
            "os.replace('b', 'a')\n" + SYNC_FOLDER,
            {"a": b"new"},
        ),
        (
            "f = os.open('a', 65); os.write(f, b'x'); os.fsync(f)\n"
            + SYNC_FOLDER
            + "os.unlink('a'); f = os.open('a', 65); os.write(f, b'y'); os.fsync(f)\n",
            {"a": b"x"},
        ),
        (
            "os.mkdir('sub'); f = os.open('sub/a', 65); os.write(f, b'x'); os.fsync(f)\n"
            + SYNC_SUB,
            {},
        ),
        (
            "os.mkdir('sub'); f = os.open('sub/a', 65); os.write(f, b'x'); os.fsync(f)\n"
            + SYNC_SUB
            + SYNC_FOLDER,
            {"sub/a": b"x"},
        ),
        (
            "f = os.open('a', os.O_CREAT | os.O_WRONLY | os.O_APPEND)\n"
            "os.writev(f, [b'one', b'two']); os.write(f, b'three'); os.fsync(f)\n" + SYNC_FOLDER,
            {"a": b"onetwothree"},
        ),
    ],
)
def test_what_was_synced_survives_and_nothing_else(library, root, code, survives):
    events, disk = events_of(library, root, code)
    assert lost(events, disk).files == survives


def test_the_log_replayed_without_a_crash_is_the_folder_as_it_is(library, root):
    (root / "before").write_bytes(b"was here")
    code = """
import random
chance = random.Random(7)
files = {}
for step in range(400):
    name = chance.choice("abcd")
    if name not in files:
        files[name] = os.open(name, os.O_RDWR | os.O_CREAT)
    what = chance.randrange(9)
    if what < 4:
        os.pwrite(files[name], chance.randbytes(chance.randrange(2000)), chance.randrange(4000))
    elif what == 4:
        os.ftruncate(files[name], chance.randrange(5000))
    elif what == 5:
        os.unlink(name); del files[name]
    elif what == 6:
        os.rename(name, "e")
        del files[name]
    elif what == 7:
        os.fsync(files[name])
    else:
        os.pwrite(os.open("before", os.O_RDWR), b"and is", chance.randrange(9))
"""
    events, disk = events_of(library, root, code)
    for event in events:
        disk.follow(event)

    class EverythingKept(NothingUnsynced):
        def keeps(self) -> bool:
            return True

    files = {path.name: path.read_bytes() for path in root.iterdir()}
    assert disk.after_crash(EverythingKept()).files == files
    assert sum(event.kind is Kind.WRITE for event in events) > 100


def test_chance_keeps_some_operations_and_tears_some_writes(library, root):
    code = "f = os.open('a', 65)\n" + SYNC_FOLDER + "os.pwrite(f, b'x' * 4096, 100)\n"
    events, disk = events_of(library, root, code)
    for event in events:
        disk.follow(event)
    images = [disk.after_crash(Luck(seed)).files["a"] for seed in range(60)]
    assert {len(image) for image in images} >= {0, 4196}
    torn = [image for image in images if 0 < image.count(b"x") < 4096]
    assert torn
    assert all(image[:100].count(b"x") == 0 for image in images)
    assert [disk.after_crash(Luck(seed)).files["a"] for seed in range(60)] == images


def test_what_a_process_says_is_in_the_log_before_what_it_does_later(library, root):
    code = """
import socket
f = os.open('a', 65)
os.write(f, b'1'); os.write(1, b'said 1;')
here, there = socket.socketpair()
os.write(f, b'2'); here.send(b'said 2;')
os.write(f, b'3'); here.sendall(b'said 3;')
"""
    events, _ = events_of(library, root, code)
    order = [event.data.decode() for event in events if event.kind in {Kind.WRITE, Kind.SAID}]
    assert order == ["1", "said 1;", "2", "said 2;", "3", "said 3;"]
    assert said(events) == b"said 1;said 2;said 3;"


def test_what_the_model_cannot_follow_fails_loudly(library, root):
    code = """
import mmap
f = os.open('a', os.O_RDWR | os.O_CREAT); os.ftruncate(f, 100)
m = mmap.mmap(f, 100); m[0:1] = b'x'
"""
    events, disk = events_of(library, root, code)
    with pytest.raises(AssertionError, match="mmap"):
        lost(events, disk)


def test_files_outside_of_the_folder_are_not_logged(library, root, tmp_path):
    code = f"f = os.open({str(tmp_path / 'outside')!r}, 65); os.write(f, b'x'); os.fsync(f)\n"
    events, _ = events_of(library, root, code)
    assert events == []
