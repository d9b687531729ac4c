"""House style as code: each check is a pure function from the files to what is wrong.

`sources` reads the files, `sizes`, `names`, `texts`, `wire` and `packages` judge them, `ratchet`
holds the sizes that may only shrink, and `purity` is the import contract of the cores.
"""

from pathlib import Path

from devnet.checks.names import empty_names
from devnet.checks.packages import package_surfaces
from devnet.checks.ratchet import Judgement, judge, read_baseline, write_baseline
from devnet.checks.sizes import file_size, function_size
from devnet.checks.sources import Source, read_sources
from devnet.checks.texts import (
    belittling_words,
    dead_links,
    machine_addresses,
    optimised_python,
    unfinished_marks,
)
from devnet.checks.violation import Check, Violation
from devnet.checks.wire import field_docstrings

__all__ = [
    "CHECKS",
    "Check",
    "Judgement",
    "Source",
    "Violation",
    "check_style",
    "read_sources",
    "tighten",
]

CHECKS: tuple[Check, ...] = (
    file_size,
    function_size,
    empty_names,
    belittling_words,
    unfinished_marks,
    machine_addresses,
    optimised_python,
    dead_links,
    field_docstrings,
    package_surfaces,
)
"""All style checks."""

BASELINE = "devnet/checks/baseline.json"


def check_style(root: Path) -> Judgement:
    """Run all style checks on a work tree and compare with its baseline.

    Raises:
        ValueError: The baseline is malformed.
        subprocess.CalledProcessError: `root` is not in a git work tree.
    """
    sources = read_sources(root)
    violations = [violation for check in CHECKS for violation in check(sources)]
    return judge(violations, read_baseline(root / BASELINE))


def tighten(root: Path) -> bool:
    """Lower the baseline of a work tree to what is there; return whether it changed."""
    judgement = check_style(root)
    if judgement.loose:
        write_baseline(root / BASELINE, judgement.tightened)
    return bool(judgement.loose)
