"""Starts a program under limits: ``python -I -S confined.py JSON PROGRAM ARGUMENT …``.

A program of its own, because the limits have to be set in the new process before the program
begins, and code that runs between fork and exec is not safe in a miner that has threads.

On Linux the kernel also ends the program when the thread that started it is gone, even by
SIGKILL: the death signal survives exec.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

EXIT_NOT_STARTED: Final = 127
"""Exit code when the program cannot be started."""

_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True)
class Limits:
    """What a program may take; None does not limit it."""

    cpu_s: int | None = None
    """Processor seconds over all its threads."""
    file_bytes: int | None = None
    """Size of each file that it writes."""
    memory_bytes: int | None = None
    """Address space."""


def confined(limits: Limits, command: Sequence[str]) -> list[str]:
    """Return the command that runs `command` under `limits`, as a child of this process."""
    told = json.dumps(asdict(limits) | {"parent": os.getpid()})
    return [sys.executable, "-I", "-S", __file__, told, *command]


def _become(told: Mapping[str, int | None], command: Sequence[str]) -> None:
    """Set the limits, then become the program."""
    for name, limit in (
        (resource.RLIMIT_CPU, told["cpu_s"]),
        (resource.RLIMIT_FSIZE, told["file_bytes"]),
        (resource.RLIMIT_AS, told["memory_bytes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        if limit is not None:
            _, hard = resource.getrlimit(name)
            bounded = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(name, (bounded, bounded))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Whoever started this may have ended before the death signal was asked for.
    if os.getppid() != told["parent"]:
        raise SystemExit(EXIT_NOT_STARTED)
    try:
        os.execv(command[0], list(command))
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        raise SystemExit(EXIT_NOT_STARTED) from None


if __name__ == "__main__":
    _become(json.loads(sys.argv[1]), sys.argv[2:])
