"""`aitbc` with a probe in its event loop: which pieces of work took how much of its processor time.

A piece is what the loop does without giving others their turn. Processor time of the loop's thread
is what the node's own work costs: unlike the clock, it does not grow when a machine is busy with
something else. Pieces of a millisecond and more are written to the file that the environment names.
"""

import asyncio.events
import json
import os
import runpy
import sys
import time
from pathlib import Path

VARIABLE = "AITBC_TESTS_PROBE_FILE"
LEAST_S = 0.001


def install(path: str) -> None:
    """Measure each piece from now on; a line of JSON for each that is not short."""
    run = asyncio.events.Handle._run
    file = Path(path).open("w", encoding="utf-8", buffering=1)  # noqa: SIM115 - until the end

    def measured(handle: asyncio.events.Handle) -> None:
        began = time.thread_time()
        run(handle)
        used = time.thread_time() - began
        if used >= LEAST_S:
            file.write(json.dumps([time.monotonic(), used, repr(handle)]) + "\n")

    asyncio.events.Handle._run = measured  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    install(os.environ[VARIABLE])
    sys.argv[0] = "aitbc"
    runpy.run_module("cli.main", run_name="__main__")
