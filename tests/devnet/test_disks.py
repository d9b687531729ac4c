"""Disks of scenarios get full for the process that uses them, and have room again."""

import subprocess
import sys
from pathlib import Path

import pytest

from devnet.torture.disks import SmallDisk

WRITER = """
import errno, os, sys
for line in sys.stdin:
    descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, b"x" * 4096)
        os.fsync(descriptor)
        print("written", flush=True)
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)
    os.close(descriptor)
"""


class Writer:
    """A process that tries to write when it is asked."""

    def __init__(self, file: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def write(self) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "data"
    found.mkdir()
    return found


@pytest.mark.parametrize(
    ("may_mount", "refusals"), [(True, {"ENOSPC", "EFBIG"}), (False, {"EFBIG"})]
)
def test_a_full_disk_refuses_writes_until_it_has_room(
    folder: Path, may_mount: bool, refusals: set[str]
) -> None:
    disk = SmallDisk(folder, may_mount=may_mount)
    writer = Writer(folder / "journal")
    try:
        assert writer.write() == "written"
        disk.fill(writer.process.pid)
        assert writer.write() in refusals
        disk.free(writer.process.pid)
        assert writer.write() == "written"
    finally:
        writer.process.communicate()
        disk.remove()
    assert not disk.is_mounted
