"""The baseline: sizes that were too big when a check came, and may only shrink.

A violation of a ratcheted check passes while it is no bigger than its entry. An entry that is
bigger than what is there has to be lowered (`./dev check --fix` does it), so what was gained
stays gained. Nothing adds an entry but an edit by hand, which shows in review.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devnet.checks.violation import Violation

RATCHETED = frozenset({"file-size", "function-size"})
"""Checks that a baseline may soften; all others hold without exception."""

Baseline = Mapping[str, Mapping[str, int]]
"""Check name, then place, then the size that is tolerated there."""


@dataclass(frozen=True)
class Judgement:
    """What the baseline leaves of the violations."""

    failures: list[Violation] = field(default_factory=list)
    """Violations that it does not cover."""
    loose: list[str] = field(default_factory=list)
    """Entries that tolerate more than there is."""
    tightened: dict[str, dict[str, int]] = field(default_factory=dict)
    """The baseline as it should be."""


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        ValueError: It names a check that has no baseline, or a size that is no positive integer.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    for check, entries in content.items():
        if check not in RATCHETED:
            raise ValueError(f"{path.name}: {check} takes no exceptions")
        for place, size in entries.items():
            if type(size) is not int or size < 1:
                raise ValueError(f"{path.name}: {check}, {place}: {size!r} is no size")
    return {check: dict(entries) for check, entries in content.items()}


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline file in the one form that it has."""
    text = json.dumps(baseline, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def judge(violations: Iterable[Violation], baseline: Baseline) -> Judgement:
    """Compare violations with the baseline."""
    judgement = Judgement()
    found: dict[tuple[str, str], int] = {}
    for violation in violations:
        place = (violation.check, violation.key)
        allowed = baseline.get(violation.check, {}).get(violation.key, 0)
        if violation.check in RATCHETED and violation.size <= allowed:
            found[place] = max(found.get(place, 0), violation.size)
        else:
            judgement.failures.append(violation)
            found[place] = allowed
    for check, entries in baseline.items():
        for key, allowed in entries.items():
            present = found.get((check, key), 0)
            if present < allowed:
                now = f"is {present}" if present else "is within the limit or gone"
                judgement.loose.append(f"{check}, {key}: the baseline says {allowed}, it {now}")
            if present:
                judgement.tightened.setdefault(check, {})[key] = present
    return judgement
