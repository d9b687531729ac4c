"""Becomes a program: ``python -I -B program_child.py PROCESSES PROGRAM``.

A program of its own, because the number of processes can be limited only inside the sandbox: it
counts there, and not what else the miner's user runs.
"""

import resource
import runpy
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Limit the processes, 0 for no limit, and run the program as its own main module."""
    processes, program = int(arguments[0]), arguments[1]
    if processes:
        resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    sys.argv = [program]
    sys.path.insert(0, str(Path(program).parent))
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
