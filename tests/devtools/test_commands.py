"""`./dev` finds its commands, says what they are for, and refuses what it cannot run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devnet.__main__ import COMMANDS, main
from devnet.checks import read_sources
from devnet.commands import ROOT
from devnet.commands.bench import benchmarks
from devnet.commands.check import PACKAGES, STEPS, Step, run_steps
from devnet.commands.needs import C_COMPILER, CHROMIUM, Need, wanted_by
from devnet.commands.test import MEMORY_BYTES_MIN, folders_in_memory, selected_paths, worker_options


def dev(*arguments: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *flags, "-m", "devnet", *arguments],
        cwd=ROOT,
        env=os.environ | {"_TYPER_FORCE_DISABLE_TERMINAL": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command_with_its_purpose(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    text = capsys.readouterr().out
    for name, purpose in COMMANDS.items():
        assert f"  {name} " in text
        assert purpose in text


def test_an_unknown_command_ends_with_2_and_a_suggestion() -> None:
    done = dev("chek")
    assert done.returncode == 2
    assert "Did you mean 'check'?" in done.stderr


def test_python_without_assertions_is_refused() -> None:
    done = dev("--help", flags=("-O",))
    assert done.returncode == 2
    assert "assertions" in done.stderr


def test_an_unknown_benchmark_ends_with_2_and_names_those_there_are() -> None:
    done = dev("bench", "nothing")
    assert done.returncode == 2
    assert "there is no benchmark 'nothing'" in done.stderr


def test_benchmarks_are_the_modules_with_a_main(tmp_path: Path) -> None:
    (tmp_path / "ledger.py").write_text('"""Ledger alone.\n\nMore."""\ndef main(a): ...\n')
    (tmp_path / "rows.py").write_text('"""No benchmark."""\n')
    (tmp_path / "_load.py").write_text('"""Private."""\ndef main(a): ...\n')
    assert benchmarks(tmp_path) == {"ledger": "Ledger alone."}


def test_all_checks_run_after_one_failed_and_a_failure_shows_what_it_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps = [Step("first", lambda: (False, "line 7 is wrong")), Step("second", lambda: (True, "x"))]
    assert run_steps(steps) == ["first"]
    output = capsys.readouterr().out.splitlines()
    assert output[0] == "line 7 is wrong"
    assert [line.split()[:2] for line in output[1:]] == [["FAILED", "first"], ["ok", "second"]]


def test_the_import_contracts_and_the_style_of_this_checkout_are_among_the_checks() -> None:
    assert {"format", "lint", "types", "import contracts", "house style"} == {
        step.name for step in STEPS
    }


def test_types_are_checked_in_every_python_folder_of_the_repository() -> None:
    for source in read_sources(ROOT):
        if source.suffix == ".py":
            assert source.path.startswith(tuple(f"{name}/" for name in PACKAGES)), source.path


def test_all_tests_are_selected_when_none_is_named() -> None:
    assert selected_paths([]) == [ROOT / "tests"]
    assert selected_paths(["-x", "-k", "ledger"]) == [ROOT / "tests"]


def test_a_named_test_is_selected_with_or_without_its_node() -> None:
    assert selected_paths(["tests/devtools", "-x"]) == [ROOT / "tests/devtools"]
    assert selected_paths(["tests/conftest.py::a"]) == [ROOT / "tests/conftest.py"]


@pytest.mark.parametrize("arguments", [["-n", "4"], ["--pdb"], ["-s"], ["tests/conftest.py"]])
def test_one_file_or_a_watched_run_gets_no_workers(arguments: list[str]) -> None:
    assert worker_options(arguments) == []


def test_the_folders_of_tests_are_in_memory_where_it_has_room_and_nothing_else_is_asked_for(
    tmp_path: Path,
) -> None:
    assert folders_in_memory({"PYTEST_DEBUG_TEMPROOT": "/var/tmp"}, tmp_path) == {}
    assert folders_in_memory({}, tmp_path / "not there") == {}
    disk = os.statvfs(tmp_path)
    fits = disk.f_bavail * disk.f_frsize >= MEMORY_BYTES_MIN and not disk.f_flag & os.ST_NOEXEC
    wanted = {"PYTEST_DEBUG_TEMPROOT": str(tmp_path)} if fits else {}
    assert folders_in_memory({}, tmp_path) == wanted


def test_a_need_is_wanted_by_the_tests_that_ask_for_its_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text("def test_a(chromium: str) -> None: ...\n")
    (tmp_path / "test_other.py").write_text("def test_b() -> None: ...\n")
    assert wanted_by([tmp_path]) == [CHROMIUM]
    assert wanted_by([tmp_path / "test_other.py"]) == []
    assert C_COMPILER not in wanted_by([tmp_path])


def test_a_need_is_found_under_its_first_name_that_exists() -> None:
    assert Need("x", ("no-such-program", "sh"), ()).find() is not None
    assert Need("x", ("no-such-program",), ()).find() is None
