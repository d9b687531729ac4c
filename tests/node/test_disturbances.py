"""What tests do to a node's disk and clock, and that nothing else can do it."""

import os
import time
from pathlib import Path

import pytest

from node.disturbances import VARIABLE, DisturbancesInvalid, disturbed
from node.failpoints import Failpoint, NoFailpoints
from node.ports import SystemClock


def replace(file: Path, text: str) -> None:
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.replace(file)


def test_without_the_variable_nothing_is_disturbed() -> None:
    places, clock = NoFailpoints(), SystemClock()
    assert disturbed({}, places, clock) == (places, clock)


def test_the_clock_jumps_when_the_file_says_so_and_back_when_it_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "disturbances.toml"
    _, clock = disturbed({VARIABLE: str(file)}, NoFailpoints(), SystemClock())
    assert abs(clock.wall_ms() - time.time() * 1_000) < 60_000
    replace(file, "wall_offset_ms = 3600000")
    assert clock.wall_ms() - time.time() * 1_000 > 3_540_000
    before = clock.monotonic_ms()
    replace(file, "wall_offset_ms = -3600000")
    assert clock.wall_ms() - time.time() * 1_000 < -3_540_000
    assert clock.monotonic_ms() - before < 60_000
    file.unlink()
    assert abs(clock.wall_ms() - time.time() * 1_000) < 60_000


def test_a_place_that_is_named_takes_longer_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "disturbances.toml"
    file.write_text("[delay_ms]\nbefore-journal-sync = 50\n")
    places, _ = disturbed({VARIABLE: str(file)}, NoFailpoints(), SystemClock())
    start = time.monotonic()
    places.reached(Failpoint.BEFORE_JOURNAL_SYNC)
    assert time.monotonic() - start >= 0.05


@pytest.mark.parametrize(
    "text",
    [
        "wall_offset_ms = 'much'",
        "wall_offset_ms = 99999999999",
        "sky = 1",
        "[delay_ms]\nnowhere = 1",
        "[delay_ms]\nbefore-publish = -1",
        "wall_offset_ms",
    ],
)
def test_a_file_that_says_something_else_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "disturbances.toml"
    file.write_text(text)
    with pytest.raises(DisturbancesInvalid, match=str(file)):
        disturbed({**os.environ, VARIABLE: str(file)}, NoFailpoints(), SystemClock())
