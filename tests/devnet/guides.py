"""Documents that are followed: their commands, typed in a folder of the reader's own."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.devnet.running import ROOT

PROGRAM = (sys.executable, "-m", "cli.main")
"""The command `aitbc`, without the environment's scripts."""


def section(document: str, heading: str) -> str:
    """Return what stands below a heading of a document."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    found = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert found, f"{document} has no section {heading!r}"
    return found


def blocks(document: str, heading: str, language: str) -> list[str]:
    """Return the blocks of a language below a heading."""
    pattern = rf"```{language}\n(.*?)```"
    return re.findall(pattern, section(document, heading), re.DOTALL)


def commands(document: str, heading: str) -> list[str]:
    """Return the lines of the shell blocks below a heading."""
    return "".join(blocks(document, heading, "sh")).splitlines()


def type_line(line: str, folder: Path, names: Mapping[str, str]) -> str:
    """Run a line of a document in a folder, and return what it prints.

    Args:
        line: as it is printed.
        folder: where the reader is.
        names: what stands in the document, and what stands for it here.
    """
    for name, here in names.items():
        line = line.replace(name, here)
    done = subprocess.run(
        ["sh", "-ec", f'aitbc() {{ "{sys.executable}" -m cli.main "$@"; }}\n{line}'],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'sdk' / 'python'}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout
