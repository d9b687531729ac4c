"""What is run against a broken copy of the tree, cheapest first."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECONDS_MAX: Final = 1_200
"""A run that takes longer was brought to a standstill by the breakage."""

TESTS_FAILED: Final = 1
"""pytest's exit code for failed tests; the higher ones mean that it could not run them."""


class DetectorBroken(Exception):
    """A detector could not run, so it proves nothing."""


@dataclass(frozen=True, slots=True)
class Detector:
    """A command that fails if a rule is broken."""

    name: str
    """For the table."""
    arguments: tuple[str, ...]
    """What Python runs."""
    culprit: Callable[[str], str]
    """Finds in the output what failed."""

    def run(self, tree: Path) -> str | None:
        """Run in a tree; return what failed, None if nothing did.

        Raises:
            DetectorBroken: it could not run.
        """
        try:
            done = subprocess.run(
                [sys.executable, *self.arguments],
                cwd=tree,
                env=_environment(tree),
                capture_output=True,
                text=True,
                timeout=SECONDS_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"no end after {SECONDS_MAX} s"
        if done.returncode == 0:
            return None
        output = done.stdout + done.stderr
        if done.returncode != TESTS_FAILED:
            raise DetectorBroken(f"{self.name} ended with {done.returncode}:\n{output[-2000:]}")
        return self.culprit(output)


def detectors(seeds: int) -> tuple[Detector, ...]:
    """Return all, cheapest first.

    Args:
        seeds: of the simulator; 0 leaves it out.
    """
    found = [
        _tests("published bugs", "tests/consensus/test_published_bugs.py"),
        _tests("model, 1 view", "tests/consensus/test_small_model.py", "-k", "one_view or three"),
        _tests("network", "tests/consensus/test_core_network.py"),
        _tests("model, 2 views", "tests/consensus/test_small_model.py", "-k", "first_leader"),
    ]
    if seeds:
        found.append(Detector("simulator", ("-m", "devnet", "sim", "--seeds", str(seeds)), _seed))
    return tuple(found)


def _tests(name: str, *arguments: str) -> Detector:
    options = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", f"--timeout={SECONDS_MAX}")
    return Detector(name, ("-m", "pytest", *options, *arguments), _first_failure)


def _first_failure(output: str) -> str:
    found = re.search(r"^FAILED \S+::(\S+)", output, re.MULTILINE)
    return found[1] if found else "a test"


def _seed(output: str) -> str:
    found = re.search(r"seed \d+", output)
    return found[0] if found else "a seed"


def _environment(tree: Path) -> dict[str, str]:
    """Import from the tree, and never from bytecode of the file before it was broken."""
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
