"""Log lines: one event each, whatever strangers put into the values."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from miner.log import VALUE_CHARACTERS_MAX, Log


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def descriptor(log_file: Path) -> Iterator[int]:
    opened = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    yield opened
    os.close(opened)


def test_a_line_has_time_level_event_and_values(log_file: Path, descriptor: int) -> None:
    Log(descriptor).bind(job_id="job_1").info("works", attempt=1)
    line = log_file.read_text()
    assert line.endswith("Z info    works job_id=job_1 attempt=1\n")


def test_json_lines_are_objects(log_file: Path, descriptor: int) -> None:
    Log(descriptor, as_json=True).warning("node fault", error=ValueError("x"), path=Path("a"))
    told = json.loads(log_file.read_text())
    assert (told["level"], told["event"], told["error"], told["path"]) == (
        "warning",
        "node fault",
        "x",
        "a",
    )


@pytest.mark.parametrize("as_json", [False, True])
def test_hostile_values_cannot_forge_lines_or_drive_a_terminal(
    log_file: Path, descriptor: int, as_json: bool
) -> None:
    hostile = "x\n2026-01-01T00:00:00Z info paid\r\x1b[2J\x07\u2028\u202e" + "y" * 10_000
    Log(descriptor, as_json=as_json).info("gives up", message=hostile, reasons={"\n": "\x1b"})
    text = log_file.read_text()
    assert text.count("\n") == 1
    assert not set(text) & set("\r\x1b\x07\u2028\u202e")
    assert len(text) < VALUE_CHARACTERS_MAX * 2 + 200
