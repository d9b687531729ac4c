"""Runs are kept one a line, read back as they were, and told over time."""

import json
from pathlib import Path

import pytest

from bench import history, targets
from bench.report import HistoryUnreadable, append, newest, read_history


def test_what_was_appended_is_read_back_in_order(tmp_path: Path, make_report, make_figure) -> None:
    path = tmp_path / "folder" / "runs.jsonl"
    reports = [
        make_report("node", make_figure("node.rate", "1/s", rate), accounts=10)
        for rate in (1_000, 2_000)
    ]
    for report in reports:
        append(report, path)
    assert read_history(path) == reports
    assert len(path.read_text().splitlines()) == 2


def test_a_history_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_history(tmp_path / "none") == []


@pytest.mark.parametrize("line", ["{", "{}", '{"benchmark": 7}', "[]"])
def test_a_line_that_no_benchmark_wrote_is_named(
    tmp_path: Path, make_report, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.jsonl"
    append(make_report("node"), path)
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(HistoryUnreadable, match="line 2"):
        read_history(path)
    for command in (history, targets):
        assert command.main(["--history", str(path)]) == 1
        assert "line 2" in capsys.readouterr().err


def test_the_newest_run_counts_that_measured_the_figure_under_the_workload(
    make_report, make_figure
) -> None:
    def run(rate: float, accounts: int, *, quick: bool = False):
        return make_report(
            "node", make_figure("node.rate", "1/s", rate), accounts=accounts, quick=quick
        )

    reports = [run(1, 10), run(2, 10), run(3, 99), run(4, 10, quick=True), make_report("node")]
    found = newest(reports, "node", "node.rate", [("accounts", 10, 10)])
    assert found is not None
    assert found[1].median == 2
    assert newest(reports, "node", "node.rate", [("accounts", 11, 98)]) is None
    assert newest(reports, "node", "node.rate", [("absent", 0, 10)]) is None
    assert newest(reports, "other", "node.rate") is None


def test_a_figure_is_told_over_time_with_bars(
    tmp_path: Path, make_report, make_figure, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.jsonl"
    for day, rate in (("01", 5_000), ("02", 10_000)):
        figures = make_figure("node.rate", "1/s", rate), make_figure("node.cpu", "µs", 3)
        append(make_report("node", *figures, at=f"2026-01-{day}T10:00:00Z", accounts=7), path)
    assert history.main(["node", "--history", str(path), "--figure", "node.rate"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == "node.rate: name of node.rate, 1/s"
    assert "2026-01-01 10:00  abc1234" in first
    assert "5,000" in first
    assert "accounts=7" in first
    assert (first.count("▇"), second.count("▇")) == (10, 20)


def test_the_history_is_listed_and_printed_as_json(
    tmp_path: Path, make_report, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.jsonl"
    append(make_report("node"), path)
    append(make_report("ledger", quick=True), path)
    assert history.main(["--history", str(path)]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["ledger", "1"],
        ["node", "1"],
    ]
    assert history.main(["node", "--json", "--history", str(path)]) == 0
    assert [run["benchmark"] for run in json.loads(capsys.readouterr().out)] == ["node"]
    assert history.main(["ledger", "--history", str(path)]) == 1, "a quick run does not count"
