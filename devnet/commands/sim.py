"""`./dev sim`: whole networks of real nodes in simulated time, under faults that a seed decides."""

import sys
import time
from functools import partial
from typing import Annotated

import typer

from devnet.simulator import (
    Summary,
    json_of,
    measure_wide_area,
    measurements_json,
    measurements_text,
    replay_command,
    report_of,
    run_all,
    run_one,
    scenario_names,
    seed_plan,
)
from ledger.params import VALIDATORS_MAX

app = typer.Typer(add_completion=False)

SOAK_SEEDS = 50_000
"""Seeds of a soak."""

PROGRESS_SECONDS = 5.0
"""Time between two lines of progress."""

FAILURES_SHOWN = 3
"""Failed runs that are told in full; all are named."""


@app.command(epilog="Exit codes: 0 nothing objected, 1 a checker objected, 2 wrong usage.")
def sim(
    *,
    seed: Annotated[int, typer.Option(help="First seed; it decides everything.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="How many, from the first on.")] = 1,
    scenario: Annotated[str, typer.Option(help="A named scenario; `list` shows them.")] = "random",
    soak: Annotated[bool, typer.Option(help=f"At least {SOAK_SEEDS} seeds.")] = False,
    trace: Annotated[bool, typer.Option(help="Tell all that happened, of one seed.")] = False,
    processes: Annotated[int, typer.Option(min=0, help="At once; 0 for one a core.")] = 0,
    measurement: Annotated[
        str, typer.Option("--measure", help="`wide-area`: measure instead of searching for faults.")
    ] = "",
    validators: Annotated[str, typer.Option(help="Sizes to measure.")] = "4,16,50,100",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a run.")] = False,
) -> None:
    """Run networks under simulated faults, and check what no run may show."""
    if measurement:
        _measure(measurement, validators, as_json=as_json)
        return
    if scenario == "list":
        for name, purpose in scenario_names().items():
            print(f"{name:<34}{purpose}")
        return
    if scenario not in scenario_names():
        print(f"sim: there is no scenario {scenario!r}; --scenario list shows all", file=sys.stderr)
        raise typer.Exit(2)
    count = max(seeds, SOAK_SEEDS) if soak else seeds
    if count == 1:
        raise typer.Exit(_run_one(seed, scenario, trace=trace, as_json=as_json))
    raise typer.Exit(_run_many(range(seed, seed + count), scenario, processes, as_json=as_json))


def _measure(measurement: str, validators: str, *, as_json: bool) -> None:
    sizes = [int(size) for size in validators.split(",") if size.isdecimal()]
    if measurement != "wide-area" or not sizes or not all(1 <= n <= VALIDATORS_MAX for n in sizes):
        print("sim: expected --measure wide-area, --validators like 4,16", file=sys.stderr)
        raise typer.Exit(2)
    found = []
    for measured in measure_wide_area(sizes):
        print(f"{measured.validators} validators measured", file=sys.stderr, flush=True)
        found.append(measured)
    print(measurements_json(found) if as_json else measurements_text(found))


def _run_one(seed: int, scenario: str, *, trace: bool, as_json: bool) -> int:
    result = run_one(partial(seed_plan, scenario), seed, traced=True)
    is_long = trace or bool(result.objection)
    if not is_long:
        result.story = []
    print(json_of(result) if as_json else report_of(result, complete=trace))
    return 1 if result.objection else 0


def _run_many(seeds: range, scenario: str, processes: int, *, as_json: bool) -> int:
    plan_of = partial(seed_plan, scenario)
    summary, started = Summary(), time.monotonic()
    told = started
    for result in run_all(plan_of, seeds, processes):
        summary.add(result)
        if as_json:
            print(json_of(result))
        elif result.objection:
            print(f"FAILED  {replay_command(result)}\n        {result.objection}", flush=True)
        now = time.monotonic()
        if now - told >= PROGRESS_SECONDS:
            told = now
            print(f"{summary.line(now - started)}, of {len(seeds)}", file=sys.stderr, flush=True)
    for failed in summary.failed[:FAILURES_SHOWN]:
        if not as_json:
            print("\n" + report_of(run_one(plan_of, failed.plan.seed, traced=True)))
    out = sys.stderr if as_json else sys.stdout
    print(summary.line(time.monotonic() - started), file=out)
    return 1 if summary.failed else 0
