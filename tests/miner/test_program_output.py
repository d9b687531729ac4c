"""What a hostile program leaves is counted or refused, and removed, by a miner that is not root."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from miner.removal import remove_folder
from miner.runners.program_output import check_size
from miner.work import BadInput

NOBODY = 65_534


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of a user whom its modes bind; root becomes nobody meanwhile.

    The path is relative, because this user may not pass through the folders above.
    """
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir(0o700)
    is_root = os.geteuid() == 0
    if is_root:
        for path in (tmp_path, tmp_path / "out"):
            os.chown(path, NOBODY, -1)
        os.seteuid(NOBODY)
    try:
        yield Path("out")
    finally:
        if is_root:
            os.seteuid(0)
        # Python's own removal recurses, and so pytest's would fail with folders this deep.
        subprocess.run(["rm", "-rf", tmp_path / "out"], check=True)


def nest(folder: Path, depth: int) -> None:
    """Make folders deeper than a path can name."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 100, dir_fd=descriptor)
        inner = os.open("d" * 100, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor)
    os.write(file, b"x")
    for one in (file, descriptor):
        os.close(one)


@pytest.mark.parametrize("mode", [0o000, 0o300, 0o600])
def test_a_folder_that_the_miner_may_not_list_ends_the_run_and_goes(out: Path, mode: int) -> None:
    (out / "d" / "e").mkdir(parents=True)
    (out / "d" / "e" / "large").write_bytes(b"x" * 4_096)
    (out / "d" / "e").chmod(mode)
    (out / "d").chmod(mode)
    with pytest.raises(BadInput, match="cannot be read"):
        check_size(out)
    remove_folder(out)
    assert list(Path().iterdir()) == []


def test_a_job_folder_that_is_closed_itself_ends_the_run_and_goes(out: Path) -> None:
    (out / "file").touch()
    out.chmod(0o000)
    with pytest.raises(BadInput, match="cannot be read"):
        check_size(out)
    out.chmod(0o700)
    (out / "file").unlink()
    workspace = Path("attempt")
    workspace.mkdir()
    out.rename(workspace / "out")
    (workspace / "out").chmod(0o000)
    remove_folder(workspace)
    assert list(Path().iterdir()) == []


def test_folders_deeper_than_a_path_can_name_end_the_run_and_go(out: Path) -> None:
    nest(out, 1_500)
    with pytest.raises(BadInput, match="cannot be read"):
        check_size(out)
    remove_folder(out)
    assert list(Path().iterdir()) == []


def test_links_are_removed_and_what_they_lead_to_stays(out: Path) -> None:
    Path("kept").mkdir()
    Path("kept/file").touch()
    (out / "link").symlink_to(Path("kept").absolute())
    (out / "nowhere").symlink_to("nowhere")
    remove_folder(out)
    assert [path.name for path in Path("kept").iterdir()] == ["file"]
    assert not out.exists()
    remove_folder(out)


def test_what_cannot_be_removed_is_told_and_all_else_goes(out: Path) -> None:
    (out / "d").mkdir()
    (out / "d" / "file").touch()
    Path().chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            remove_folder(out)
    finally:
        Path().chmod(0o700)
    assert list(out.iterdir()) == []
