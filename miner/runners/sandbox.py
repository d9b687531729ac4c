"""Where programs run: in a sandbox of bubblewrap, or under process limits alone.

`Bubblewrap` is for programs of strangers: no network, no files but Python's and the job's own, all
of them read-only but the job's output folder, no other processes in sight. `LimitsOnly` keeps a
program from taking too much and from nothing else, and so is for the miner's own library.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from miner.runners.sandbox_end import watching_sandbox
from miner.work import RunnerFailed

PROCESSES_MAX: Final = 128
"""Processes and threads of one program in the sandbox."""

TEMPORARY_BYTES_MAX: Final = 256 << 20
"""What a program may keep in its temporary folder, which is in memory."""

SHARED_BYTES_MAX: Final = 64 << 20
"""What its processes may share in `/dev/shm`, in memory too."""

_CHILD: Final = Path(__file__).with_name("program_child.py")
_SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
_SYSTEM_FILES: Final = ("/etc/ld.so.cache", "/etc/alternatives")
_NOBODY: Final = "65534"
_PROBE_SECONDS_MAX: Final = 30.0

_MEMORY: Final = {"/tmp": TEMPORARY_BYTES_MAX, "/dev/shm": SHARED_BYTES_MAX}  # noqa: S108
"""Folders in memory, and what each may take."""

_PROBE: Final = """
import os, socket, sys
from pathlib import Path
def writes(folder):
    try:
        Path(folder, "probe").write_text("")
    except OSError:
        return False
    return True
assert {name for _, name in socket.if_nameindex()} <= {"lo"}, "it has a network"
closed = "/", "/usr", "/dev", sys.prefix, Path(__file__).parent
assert not any(map(writes, closed)), "it can write"
for folder, most in MEMORY.items():
    system = os.statvfs(folder)
    assert system.f_frsize * system.f_blocks <= most, "it can fill the memory"
assert not any(map(os.path.exists, ("/etc/passwd", OUTSIDE))), "it sees files outside"
assert len([p for p in os.listdir("/proc") if p.isdigit()]) <= 3, "it sees other processes"
Path("result.json").write_text("{}")
"""


class Level(StrEnum):
    """How far programs are confined."""

    SANDBOX = "sandbox"
    """No network, read-only files, no other processes, and limits."""
    LIMITS = "limits"
    """Limits on time, memory and files, and nothing else."""


@dataclass(frozen=True)
class Job:
    """The folders of one program's run."""

    program: Path
    """Folder of the program."""
    entrypoint: str
    """File of it that is run."""
    given: Path
    """Folder of `request.json` and of the input file."""
    out: Path
    """Folder that it works in; the only one that it may write."""


class Confinement(Protocol):
    """Builds the command that runs a program."""

    @property
    def level(self) -> Level:
        """How far it confines."""

    @property
    def tells_end(self) -> bool:
        """Whether its command writes to `info`, so that `SandboxEnd` can wait for the end."""

    @property
    def statement(self) -> str:
        """What it does and does not keep a program from, for people."""

    def given_path(self, job: Job, name: str) -> str:
        """Return the path under which the program sees a file of `job.given`."""

    def command(self, job: Job, info: int) -> list[str]:
        """Return the command that runs the program.

        Args:
            job: its folders.
            info: descriptor that a sandbox tells of itself by, for `SandboxEnd`; the command
                inherits it, and the program does not.
        """

    def environment(self, job: Job) -> dict[str, str]:
        """Return the environment to start the command with."""


class LimitsOnly:
    """No confinement beyond what `confined` limits."""

    level = Level.LIMITS
    tells_end = False
    statement = "process limits only: programs see this machine's files and network"

    def given_path(self, job: Job, name: str) -> str:
        """Return the file's own path."""
        return str(job.given / name)

    def command(self, job: Job, info: int) -> list[str]:  # noqa: ARG002 - as the protocol has it
        """Return the command that runs the program as this user."""
        return [*_python(), str(_CHILD), "0", str(job.program / job.entrypoint)]

    def environment(self, job: Job) -> dict[str, str]:
        """Return an environment without anything of the miner's."""
        return _environment(self.given_path(job, "request.json"), home=str(job.out))


class Bubblewrap:
    """The sandbox of the program `bwrap`."""

    level = Level.SANDBOX
    tells_end = True

    def __init__(self, program: str, *, nests: bool = False) -> None:
        """Use the bwrap at `program`; whether it works, `find_sandbox` has tried.

        Args:
            program: absolute path.
            nests: whether programs may make further user namespaces, which older versions of
                bubblewrap cannot forbid.
        """
        self._program = program
        self._nesting = () if nests else ("--disable-userns",)

    @property
    def statement(self) -> str:
        """What it keeps a program from."""
        return "bubblewrap: no network, read-only files, own processes, limits"

    def given_path(self, job: Job, name: str) -> str:  # noqa: ARG002 - as the protocol has it
        """Return the path inside the sandbox."""
        return f"/job/given/{name}"

    def command(self, job: Job, info: int) -> list[str]:
        """Return the command that makes the sandbox and runs the program in it."""
        return [
            self._program,
            *("--info-fd", str(info)),
            *("--unshare-all", "--unshare-user", "--uid", _NOBODY, "--gid", _NOBODY),
            *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"),
            *self._nesting,
            *("--size", str(TEMPORARY_BYTES_MAX), "--tmpfs", "/tmp"),  # noqa: S108 - inside
            *("--proc", "/proc", "--dev", "/dev"),
            # Of its own, `--dev` leaves a folder that takes half of the machine's memory.
            *("--size", str(SHARED_BYTES_MAX), "--tmpfs", "/dev/shm"),  # noqa: S108 - inside
            *("--remount-ro", "/dev"),
            *_system(),
            *("--ro-bind", str(_CHILD), "/job/child.py"),
            *("--ro-bind", str(job.program), "/job/program"),
            *("--ro-bind", str(job.given), "/job/given"),
            *("--bind", str(job.out), "/job/out"),
            *("--remount-ro", "/"),
            *("--chdir", "/job/out", "--"),
            *(*_python(), "/job/child.py", str(PROCESSES_MAX), f"/job/program/{job.entrypoint}"),
        ]

    def environment(self, job: Job) -> dict[str, str]:
        """Return the environment, which bubblewrap passes on."""
        return _environment(self.given_path(job, "request.json"), home="/tmp")  # noqa: S108


def find_sandbox() -> Bubblewrap | None:
    """Return the sandbox, None where there is no bubblewrap or it does not confine here.

    It is tried with a program that looks for a way out: an installed bwrap says little, because
    containers and hardened kernels may forbid what it needs.
    """
    program = shutil.which("bwrap") if sys.platform == "linux" else None
    if program is None:
        return None
    kinds = (Bubblewrap(program), Bubblewrap(program, nests=True))
    return next(filter(_confines, kinds), None)


def _confines(sandbox: Bubblewrap) -> bool:
    with tempfile.TemporaryDirectory(prefix="aitbc-sandbox-") as name:
        folders = [Path(name, part) for part in ("program", "given", "out")]
        for folder in folders:
            folder.mkdir()
        program, given, out = folders
        (program / "probe.py").write_text(f"OUTSIDE = {name!r}\nMEMORY = {_MEMORY!r}\n{_PROBE}")
        job = Job(program, "probe.py", given, out)
        try:
            _try(sandbox, job)
        except (OSError, subprocess.SubprocessError, RunnerFailed):
            return False
        return (out / "result.json").exists()


def _try(sandbox: Bubblewrap, job: Job) -> None:
    """Run a program to its end, and see that the sandbox ends."""
    with watching_sandbox() as end:
        process = subprocess.Popen(
            sandbox.command(job, end.info),
            env=sandbox.environment(job),
            pass_fds=(end.info,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            end.began()
            process.wait(timeout=_PROBE_SECONDS_MAX)
        finally:
            process.kill()
            process.wait()
        end.wait()


def _python() -> tuple[str, ...]:
    """Return this Python, isolated from the environment and the user's own packages."""
    return sys.executable, "-I", "-B"


def _system() -> Iterator[str]:
    """Yield the options that show the system's programs and libraries, and Python's."""
    for folder in _SYSTEM:
        if Path(folder).is_symlink():
            yield from ("--symlink", os.readlink(folder), folder)  # noqa: PTH115 - as it is written
        elif Path(folder).is_dir():
            yield from ("--ro-bind", folder, folder)
    for file in _SYSTEM_FILES:
        yield from ("--ro-bind-try", file, file)
    for prefix in sorted({sys.prefix, sys.base_prefix, sys.base_exec_prefix}):
        if not any(Path(prefix).is_relative_to(folder) for folder in _SYSTEM):
            yield from ("--ro-bind", prefix, prefix)


def _environment(request: str, *, home: str) -> dict[str, str]:
    settings: Mapping[str, str] = {
        "AITBC_REQUEST": request,
        "HOME": home,
        "LANG": "C.UTF-8",
        # The job's share of the machine is one core; threads beyond it only take memory.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return dict(settings)
