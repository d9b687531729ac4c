"""`./dev check`'s style step on a real git work tree."""

import subprocess
from pathlib import Path

import pytest

from devnet.checks import check_style, tighten


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "devnet/checks").mkdir(parents=True)
    (tmp_path / "devnet/checks/baseline.json").write_text("{}\n")
    (tmp_path / ".gitignore").write_text("/.venv/\n")
    return tmp_path


def test_a_clean_tree_has_no_failures(checkout: Path) -> None:
    (checkout / "a.py").write_text('"""A."""\n')
    assert check_style(checkout).failures == []


def test_files_that_are_not_added_yet_are_judged_and_ignored_ones_are_not(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    for folder in (checkout, checkout / ".venv"):
        (folder / "utils.py").write_text("x = 1\n")
    assert [item.path for item in check_style(checkout).failures] == ["utils.py"]


def test_binary_files_links_and_deleted_files_do_not_stop_the_check(checkout: Path) -> None:
    (checkout / "clip.mp4").write_bytes(b"\0\xff")
    (checkout / "latin.txt").write_bytes(b"\xe9")
    (checkout / "link.py").symlink_to("nowhere.py")
    (checkout / "gone.py").write_text("x = 1\n")
    subprocess.run(["git", "add", "gone.py"], cwd=checkout, check=True)
    (checkout / "gone.py").unlink()
    assert check_style(checkout).failures == []


def test_tightening_lowers_the_baseline_and_never_adds_to_it(checkout: Path) -> None:
    baseline = checkout / "devnet/checks/baseline.json"
    baseline.write_text('{"file-size": {"long.py": 500}}')
    (checkout / "long.py").write_text("x = 1\n" * 450)
    (checkout / "other.py").write_text("x = 1\n" * 450)
    assert tighten(checkout)
    assert baseline.read_text() == '{\n  "file-size": {\n    "long.py": 450\n  }\n}\n'
    assert [item.path for item in check_style(checkout).failures] == ["other.py"]
    assert not tighten(checkout)
