"""Where child processes keep their byte code, so that not every start compiles everything anew."""

import sys
from collections.abc import Mapping
from pathlib import Path


def keeping_byte_code(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment under which Python writes byte code, but not beside the sources.

    Where Python is told to write none, each start of a node would compile 1,500 modules, which
    takes longer than the rest of it; so it goes to a folder of the Python environment then.
    """
    kept = dict(environment)
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        kept.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "bytecode"))
    return kept
