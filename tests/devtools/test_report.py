"""The tests' report: times by part, and no skip that goes unseen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devnet.commands import ROOT
from devnet.commands.report import part_of

SUITE = '''
import pytest

def test_passes():
    """Holds."""

@pytest.mark.skip(reason="chromium is missing")
def test_page():
    """Never runs."""

@pytest.mark.skip(reason="chromium is missing")
def test_form():
    """Never runs."""
'''


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    folder = tmp_path / "tests/explorer"
    folder.mkdir(parents=True)
    (folder / "test_pages.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def run(folder: Path, *arguments: str, ci: bool = False) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment |= {"CI": "true"} if ci else {}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "devnet.commands.report", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_skips_are_counted_by_reason_and_pass_outside_of_ci(suite: Path) -> None:
    done = run(suite)
    assert done.returncode == 0, done.stdout
    assert "2 SKIPPED" in done.stdout
    assert "    2  chromium is missing" in done.stdout


def test_a_skip_fails_the_run_in_ci(suite: Path) -> None:
    done = run(suite, ci=True)
    assert done.returncode == 1
    assert "a skipped test is a failure" in done.stdout
    assert "1 passed, 2 skipped" in done.stdout


def test_skips_in_workers_fail_the_run_in_ci_too(suite: Path) -> None:
    done = run(suite, "-p", "xdist", "-n", "2", ci=True)
    assert done.returncode == 1
    assert "2 SKIPPED" in done.stdout


def test_a_file_that_skips_itself_and_an_expected_failure_count_as_skips(suite: Path) -> None:
    folder = suite / "tests/explorer"
    (folder / "test_pages.py").write_text(
        'import pytest\n@pytest.mark.xfail(reason="bug 7")\ndef test_a():\n    assert False\n'
    )
    (folder / "test_all.py").write_text(
        'import pytest\npytest.skip("no GPU", allow_module_level=True)\n'
    )
    done = run(suite, ci=True)
    assert "expected to fail: bug 7" in done.stdout
    assert "no GPU" in done.stdout
    assert done.returncode == 1


def test_a_run_without_skips_passes_in_ci_and_names_the_time_of_each_part(suite: Path) -> None:
    (suite / "tests/explorer/test_pages.py").write_text("def test_a():\n    pass\n")
    (suite / "tests/test_top.py").write_text("def test_b():\n    pass\n")
    done = run(suite, ci=True)
    assert done.returncode == 0, done.stdout
    assert "1 tests  explorer" in done.stdout
    assert "1 tests  test_top.py" in done.stdout


def test_a_part_is_the_folder_below_tests() -> None:
    assert part_of("tests/ledger/keys/test_a.py::test_b[x::y]") == "ledger"
    assert part_of("tests/test_readme.py::test_b") == "test_readme.py"
    assert part_of("bench/test_a.py") == "bench"
