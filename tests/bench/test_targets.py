"""The table of aims finds the runs that measured them, and judges them as they are and scaled."""

import json
from pathlib import Path

import pytest

from bench import targets
from bench.aims import AIMS, commands
from bench.report import append
from bench.standings import standings, table
from devnet.commands.bench import FOLDER, benchmarks


def of(found, what: str):
    (standing,) = [each for each in found if each.aim.what.startswith(what)]
    return standing


def test_an_aim_that_nobody_measured_names_its_command() -> None:
    lines = table(standings([]))
    assert len(lines) == 2 + len(AIMS)
    assert all("not measured: ./dev bench " in line for line in lines[2:])


def test_every_command_of_the_table_is_a_benchmark_that_takes_its_options() -> None:
    available = benchmarks(FOLDER)
    assert {command.split()[0] for command in commands()} <= available.keys()


@pytest.mark.parametrize(
    ("rate", "verdict"), [(14_999, "below"), (15_000, "aim"), (25_000, "stretch")]
)
def test_a_rate_is_judged_as_it_is(make_report, make_figure, rate: float, verdict: str) -> None:
    run = make_report(
        "node",
        make_figure("node.rate", "1/s", rate),
        accounts=10_000,
        transactions=100_000,
        batch=500,
        engine="sqlite",
    )
    standing = of(standings([run]), "1 node, HTTP")
    assert standing.value == rate
    assert standing.verdict(standing.value) == verdict


@pytest.mark.parametrize(("p99", "verdict"), [(5.1, "below"), (5.0, "aim"), (2.0, "stretch")])
def test_of_a_time_less_is_better(make_report, make_figure, p99: float, verdict: str) -> None:
    run = make_report(
        "node", make_figure("node.latency.p99", "ms", p99), accounts=10_000, engine="sqlite"
    )
    standing = of(standings([run]), "one in flight, 1 node")
    assert standing.verdict(standing.value) == verdict


def test_on_a_machine_of_half_the_pace_rates_count_double_and_times_half(
    make_report, make_figure
) -> None:
    figures = make_figure("node.rate", "1/s", 8_000), make_figure("node.latency.p99", "ms", 8)
    run = make_report(
        "node",
        *figures,
        core=11_250,
        accounts=10_000,
        transactions=100_000,
        batch=500,
        engine="sqlite",
    )
    rate = of(standings([run]), "1 node, HTTP")
    assert (rate.pace, rate.at_design_pace) == (0.5, 16_000)
    assert rate.verdict(rate.value) == "below"
    assert rate.verdict(rate.at_design_pace) == "aim"
    assert of(standings([run]), "one in flight, 1 node").at_design_pace == 4


def test_a_share_is_of_the_limit_and_is_not_scaled(make_report, make_figure) -> None:
    limit = make_figure("limit.ed25519", "1/s", 20_000)
    rate = make_figure("ledger.rate", "1/s", 10_000, limit=limit)
    run = make_report("ledger", rate, core=10_000, accounts=10_000, blocks=12)
    standing = of(standings([run]), "ledger alone")
    assert (standing.value, standing.pace) == (50, 1.0)
    assert standing.verdict(standing.value) == "aim"


@pytest.mark.parametrize("other", [{"accounts": 200}, {"batch": 50}, {"engine": "postgresql"}])
def test_a_run_with_another_workload_does_not_count(
    make_report, make_figure, other: dict[str, int | str]
) -> None:
    usual = {"accounts": 10_000, "transactions": 100_000, "batch": 500, "engine": "sqlite"}
    figure = make_figure("node.rate", "1/s", 9e9)
    assert of(standings([make_report("node", figure, **usual)]), "1 node, HTTP").report
    run = make_report("node", figure, **(usual | other))
    assert all(standing.report is None for standing in standings([run]))


def test_the_table_is_printed_for_people_and_for_programs(
    tmp_path: Path, make_report, make_figure, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.jsonl"
    append(make_report("index", make_figure("index.rows", "1/s", 50_000), rows=10**7), path)
    assert targets.main(["--history", str(path)]) == 0
    (line,) = [each for each in capsys.readouterr().out.splitlines() if each.startswith("index ")]
    assert "50,000" in line
    assert line.endswith("2026-01-02 03:04 abc1234")
    busy = make_report("index", make_figure("index.rows", "1/s", 9), rows=10**7, busy=50)
    append(busy, tmp_path / "busy.jsonl")
    assert targets.main(["--history", str(tmp_path / "busy.jsonl")]) == 0
    assert "beside others (50% busy): measure again" in capsys.readouterr().out
    assert targets.main(["--history", str(path), "--markdown"]) == 0
    assert (
        "| index rows written at 10^7 rows, 1/s | 40,000 | 75,000 "
        "| 50,000 (50,000 … 50,000) | 1.00 | 50,000 |\n"
    ) in capsys.readouterr().out
    assert targets.main(["--history", str(path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    (row,) = [each for each in rows if each["reached"] is not None]
    assert (row["reached"], row["verdict"], row["pace"]) == (50_000, "aim", 1.0)
