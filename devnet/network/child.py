"""Starts a program that cannot outlive the devnet: ``python -m devnet.network.child PID CMD …``.

On Linux the kernel ends the program when the devnet's process is gone, even by SIGKILL, because
the death signal survives exec. Elsewhere the devnet's own orderly stop has to do.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Bind this process to its parent's life, then become the program."""
    parent, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit("the devnet ended before this program began")
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
