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
from dataclasses import dataclass
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

    def pin(self, name: str, version: str) -> str:
        line = make_wheel(self.wheels, f"tiny_{name}", version)
        (self.root / f"requirements/{name}.txt").write_text(line)
        return line

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


def folder_of_programs(parent: Path) -> Path:
    """Make a folder with the programs that ./dev may use, to be all of PATH."""
    folder = parent / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "cat", "cksum", "head", "rm", "sed", "touch", "true"):
        found = shutil.which(name)
        assert found is not None, name
        (folder / name).symlink_to(found)
    return folder


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    return folder_of_programs(tmp_path)


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def put_python_without_venv(folder: Path) -> None:
    """Put a Python as Debian ships it: without ensurepip, until apt-get has run."""
    absent = f'case "$2" in *ensurepip*) [ -e "{folder}/installed" ] || exit 1;; esac'
    put(folder, "python3", f'{absent}\nexec "{sys.executable}" "$@"')


@dataclass(frozen=True)
class FirstSetUp:
    """How a checkout was set up for the first time, by root on a machine without venv."""

    checkout: Checkout
    ended: tuple[int, str, str]
    """Exit code, output and errors."""
    apt_calls: list[str]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> FirstSetUp:
    """Set a checkout up; each test that changes it leaves one that is ready."""
    parent = tmp_path_factory.mktemp("machine")
    checkout, programs = Checkout(parent), folder_of_programs(parent)
    put_python_without_venv(programs)
    put(programs, "id", "echo 0")
    # Fails until the package lists are there, as on a fresh machine.
    put(
        programs,
        "apt-get",
        f'cd "{programs}"; echo "$@" >>calls\n'
        '[ "$1" = update ] && exec touch updated\n'
        "[ -e updated ] && exec touch installed\nexit 100",
    )
    ended = checkout.run("devnet", "two words", "", path=str(programs))
    return FirstSetUp(checkout, ended, (programs / "calls").read_text().splitlines())


def test_as_root_a_missing_venv_is_installed_with_apt_after_an_update_if_need_be(
    first: FirstSetUp,
) -> None:
    code, _, errors = first.ended
    assert code == 0, errors
    assert [call.split()[0] for call in first.apt_calls] == ["install", "update", "install"]
    assert first.apt_calls[0].endswith("-venv")


def test_it_sets_up_from_anywhere_and_hands_arguments_and_exit_code_through(
    first: FirstSetUp,
) -> None:
    code, output, errors = first.ended
    assert (code, output) == (0, "['devnet', 'two words', ''] 1.0\n"), errors
    assert "making .venv" in errors
    assert "ready" in errors
    checkout = first.checkout
    checkout.pin("dev", "1.0")
    assert checkout.run()[0] == 0
    assert checkout.run("fail") == (7, "['fail'] 1.0\n", "")


def test_other_pins_are_installed_and_a_wrong_digest_is_refused_until_it_is_right(
    first: FirstSetUp,
) -> None:
    checkout = first.checkout
    checkout.pin("dev", "2.0")
    code, output, errors = checkout.run()
    assert (code, output) == (0, "[] 2.0\n"), errors
    assert "making .venv" not in errors

    good = checkout.pin("dev", "3.0")
    (checkout.root / "requirements/dev.txt").write_text(good[:-65] + "0" * 64 + "\n")
    code, output, errors = checkout.run()
    assert (code, output) == (4, ""), errors
    assert "could not be installed" in errors

    # What was left half done is not trusted; nor is an environment that was made elsewhere.
    checkout.pin("dev", "3.0")
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    code, output, errors = checkout.run()
    assert (code, output) == (0, "[] 3.0\n"), errors
    assert "making .venv" in errors


def test_a_set_up_that_was_killed_is_repaired_once_by_two_that_start_at_once(
    first: FirstSetUp,
) -> None:
    checkout = first.checkout
    checkout.pin("dev", "4.0")
    killed = checkout.start()
    assert killed.stderr is not None
    assert any("installing" in line for line in killed.stderr)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert (checkout.root / ".venv/unfinished").exists()

    both = [checkout.start(name) for name in ("a", "b")]
    ended = [(process.communicate(), process.returncode) for process in both]
    assert [code for _, code in ended] == [0, 0], ended
    assert [streams[0] for streams, _ in ended] == ["['a'] 4.0\n", "['b'] 4.0\n"]
    errors = "".join(streams[1] for streams, _ in ended)
    assert errors.count("making .venv") == 1


def test_a_machine_without_a_new_enough_python_is_told_what_to_install(
    checkout: Checkout, programs: Path
) -> None:
    put(programs, "python3", "exit 1")
    code, output, errors = checkout.run(path=str(programs))
    assert (code, output) == (3, ""), errors
    assert "Python 3.11 or newer is needed" in errors


def test_a_python_without_venv_ends_with_3_and_the_line_that_helps(
    checkout: Checkout, programs: Path
) -> None:
    put_python_without_venv(programs)
    put(programs, "id", "echo 1000")
    code, output, errors = checkout.run(path=str(programs))
    assert (code, output) == (3, ""), errors
    assert "sudo apt-get install -y --no-install-recommends python3." in errors
