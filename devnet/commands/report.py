"""A pytest plugin: the time of each part, and every skipped test with its reason.

A skipped test proves nothing. So it is counted loudly, and with CI=true it fails the run.
"""

import os
from collections import Counter, defaultdict
from pathlib import PurePosixPath

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Register the report in the process that prints, not in the workers."""
    if not hasattr(config, "workerinput"):
        strict = os.environ.get("CI", "").lower() in ("1", "true", "yes")
        config.pluginmanager.register(PartReport(strict=strict), "part-report")


def part_of(nodeid: str) -> str:
    """Return the part that a test belongs to: the folder below tests/, else the file."""
    path = PurePosixPath(nodeid.partition("::")[0])
    names = path.parts[1:] if path.parts[:1] == ("tests",) else path.parts
    return names[0] if names else str(path)


class PartReport:
    """Collects times and skips while the tests run, and prints them at the end."""

    def __init__(self, *, strict: bool) -> None:
        """Make the report; with `strict` a skipped test fails the run."""
        self.strict = strict
        self.seconds: dict[str, float] = defaultdict(float)
        self.tests: Counter[str] = Counter()
        self.skipped: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one phase of one test; called by pytest."""
        part = part_of(report.nodeid)
        self.seconds[part] += report.duration
        if report.when == "call":
            self.tests[part] += 1
        self._count_skip(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a file that skipped itself; called by pytest."""
        self._count_skip(report)

    def _count_skip(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped:
            expected_failure = getattr(report, "wasxfail", None)
            if expected_failure is not None:
                reason = f"expected to fail: {expected_failure or 'no reason given'}"
            else:
                reason = _reason(report.longrepr)
            self.skipped[report.nodeid] = reason

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn skips into a failure where they are not allowed; called by pytest."""
        if self.strict and self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the report; called by pytest."""
        if self.seconds:
            terminalreporter.section("time of each part")
            for part, seconds in sorted(self.seconds.items(), key=lambda item: -item[1]):
                terminalreporter.line(f"{seconds:8.1f} s  {self.tests[part]:5} tests  {part}")
        if self.skipped:
            terminalreporter.section(f"{len(self.skipped)} SKIPPED", red=True, bold=True)
            for reason, count in Counter(self.skipped.values()).most_common():
                terminalreporter.line(f"{count:5}  {reason}")
            if self.strict:
                terminalreporter.line("CI: a skipped test is a failure", red=True)


def _reason(longrepr: object) -> str:
    """Return why a test was skipped, as pytest keeps it: (file, line, "Skipped: reason")."""
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return str(text).removeprefix("Skipped: ")
