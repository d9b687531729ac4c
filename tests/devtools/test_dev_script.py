"""`./dev` makes its environment, repairs it, and gets out of the way.

Each test runs the real script in a small checkout: its packages are wheels made here, installed
by the real pip without a network.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from devnet.commands import ROOT

PROGRAM = """
import sys
import tiny_dev, tiny_model
print(sys.argv[1:], tiny_dev.VERSION)
sys.exit(7 if "fail" in sys.argv else 0)
"""


def make_wheel(folder: Path, name: str, version: str) -> str:
    """Make a wheel with one module, and return its pinned line."""
    info = f"{name}-{version}.dist-info"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} --hash=sha256:{digest}\n"


class Checkout:
    """A small checkout with the real `./dev`, in a folder whose name has spaces."""

    def __init__(self, parent: Path) -> None:
        self.root = parent / "my check out"
        self.wheels = parent / "wheels"
        self.wheels.mkdir()
        (self.root / "requirements").mkdir(parents=True)
        (self.root / "devnet").mkdir()
        (self.root / "devnet/__main__.py").write_text(PROGRAM)
        shutil.copy(ROOT / "dev", self.root / "dev")
        for name in ("bootstrap", "dev", "model"):
            self.pin(name, "1.0")

    def pin(self, name: str, version: str) -> None:
        line = make_wheel(self.wheels, f"tiny_{name}", version)
        (self.root / f"requirements/{name}.txt").write_text(line)

    def start(self, *arguments: str, path: str | None = None) -> "subprocess.Popen[str]":
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.wheels.as_uri(),
            # Stands for the editable install of a full checkout.
            "PYTHONPATH": str(self.root),
        }
        if path is not None:
            environment["PATH"] = path
        return subprocess.Popen(
            [self.root / "dev", *arguments],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, path: str | None = None) -> tuple[int, str, str]:
        process = self.start(*arguments, path=path)
        output, errors = process.communicate()
        return process.returncode, output, errors


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_run_sets_up_from_anywhere_and_hands_arguments_and_exit_code_through(
    checkout: Checkout,
) -> None:
    code, output, errors = checkout.run("devnet", "two words", "")
    assert (code, output) == (0, "['devnet', 'two words', ''] 1.0\n"), errors
    assert "making .venv" in errors
    assert "ready" in errors

    assert checkout.run("fail") == (7, "['fail'] 1.0\n", "")

    checkout.pin("dev", "2.0")
    code, output, errors = checkout.run()
    assert (code, output) == (0, "[] 2.0\n"), errors
    assert "making .venv" not in errors

    moved = checkout.root.with_name("moved")
    checkout.root = checkout.root.rename(moved)
    code, output, errors = checkout.run()
    assert (code, output) == (0, "[] 2.0\n"), errors
    assert "making .venv" in errors


def test_a_set_up_that_was_killed_is_repaired_by_the_next_run(checkout: Checkout) -> None:
    first = checkout.start()
    assert first.stderr is not None
    for line in first.stderr:
        if "installing" in line:
            break
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert (checkout.root / ".venv/unfinished").exists()
    code, output, errors = checkout.run()
    assert (code, output) == (0, "[] 1.0\n"), errors
    assert "making .venv" in errors


def test_of_two_at_once_one_sets_up_and_the_other_waits(checkout: Checkout) -> None:
    both = [checkout.start(name) for name in ("a", "b")]
    ended = [(process.communicate(), process.returncode) for process in both]
    assert [code for _, code in ended] == [0, 0], ended
    errors = "".join(streams[1] for streams, _ in ended)
    assert errors.count("making .venv") == 1


def test_a_package_whose_hash_is_another_ends_with_4(checkout: Checkout) -> None:
    pins = checkout.root / "requirements/dev.txt"
    pins.write_text(f"tiny_dev==1.0 --hash=sha256:{'0' * 64}\n")
    code, output, errors = checkout.run()
    assert (code, output) == (4, ""), errors
    assert "could not be installed" in errors


def test_a_machine_without_a_new_enough_python_is_told_what_to_install(
    checkout: Checkout, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "dirname", "cat", "cksum", "id", "head", "sed", "true"):
        found = shutil.which(name)
        assert found is not None, name
        (programs / name).symlink_to(found)
    (programs / "python3").write_text("#!/bin/sh\nexit 1\n")
    (programs / "python3").chmod(0o755)
    code, output, errors = checkout.run(path=str(programs))
    assert (code, output) == (3, ""), errors
    assert "Python 3.11 or newer is needed" in errors


def test_a_python_without_venv_ends_with_3_and_the_line_that_helps(
    checkout: Checkout, tmp_path: Path
) -> None:
    # A Python as Debian ships it: everything but ensurepip.
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "dirname", "cat", "cksum", "head", "sed", "true"):
        (programs / name).symlink_to(str(shutil.which(name)))
    (programs / "python3").write_text(
        f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    )
    (programs / "id").write_text("#!/bin/sh\necho 1000\n")
    for name in ("python3", "id"):
        (programs / name).chmod(0o755)
    code, output, errors = checkout.run(path=str(programs))
    assert (code, output) == (3, ""), errors
    assert "sudo apt-get install -y --no-install-recommends python3." in errors
