"""Finished work survives on disk until it is acknowledged."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from miner.spool import Spool, SpoolEntry

ENTRY = SpoolEntry(
    job_id="job_" + "a" * 64,
    attempt=2,
    transaction="00ff",
    valid_until_ms=5,
    deadline_ms=9,
    output={"text": "Grüße\n", "artifacts": [], "metadata": {"tokens": 3}},
    salt="00" * 32,
)


def test_an_entry_comes_back_as_it_was_in_a_new_process_too(tmp_path: Path) -> None:
    Spool(tmp_path / "spool").add(ENTRY)
    assert Spool(tmp_path / "spool").entries() == [ENTRY]


def test_nobody_else_can_read_what_clients_get(tmp_path: Path) -> None:
    Spool(tmp_path / "spool").add(ENTRY)
    (file,) = (tmp_path / "spool").iterdir()
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_entry_is_replaced_by_the_same_attempt_and_removed_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    renewed = ENTRY.with_receipt("11", 77)
    other = replace(ENTRY, attempt=3)
    for entry in (ENTRY, other, renewed):
        spool.add(entry)
    assert spool.entries() == [renewed, other]
    spool.remove(ENTRY)
    spool.remove(ENTRY)
    assert spool.entries() == [other]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "[" * 5_000,
        json.dumps({"job_id": "x"}),
        json.dumps({**ENTRY.__dict__, "transaction": "no hex"}),
        json.dumps({**ENTRY.__dict__, "attempt": "2"}),
        json.dumps({**ENTRY.__dict__, "job_id": "job_other"}),
    ],
)
def test_a_damaged_file_is_set_aside_and_the_others_are_kept(tmp_path: Path, content: str) -> None:
    spool = Spool(tmp_path)
    spool.add(ENTRY)
    damaged = tmp_path / f"job_{'0' * 64}-2.json"
    damaged.write_text(content)
    assert spool.entries() == [ENTRY]
    assert not damaged.exists()
    assert damaged.with_suffix(".damaged").read_text() == content


def test_an_entry_whose_writing_was_told_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from dataclasses import replace\n"
        "from miner.spool import Spool\n"
        "from tests.miner.test_spool import ENTRY\n"
        "spool = Spool(Path(sys.argv[1]))\n"
        "for attempt in range(10_000):\n"
        "    spool.add(replace(ENTRY, attempt=attempt))\n"
        "    os.write(1, f'{attempt}\\n'.encode())\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": f"{root}:{root / 'sdk' / 'python'}"},
    ) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(line) for line in writer.stdout if line.endswith(b"\n")]
    kept = {entry.attempt for entry in Spool(tmp_path).entries()}
    assert kept >= set(told)


def test_what_the_disk_does_not_take_is_kept_in_memory_until_it_does(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(ENTRY)
    in_the_way = tmp_path / f"{ENTRY.job_id}-{ENTRY.attempt}.tmp"
    in_the_way.mkdir()
    renewed, other = ENTRY.with_receipt("11", 77), replace(ENTRY, attempt=3)
    with pytest.raises(OSError, match=r"\.tmp"):
        spool.add(renewed)
    spool.add(other)
    assert spool.entries() == [renewed, other]
    in_the_way.rmdir()
    assert spool.entries() == [renewed, other]
    assert Spool(tmp_path).entries() == [renewed, other]
    spool.remove(renewed)
    assert spool.entries() == [other]
