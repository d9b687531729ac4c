"""`./dev scenario`: what happens to a network of real processes when things go wrong."""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from devnet.network.errors import DevnetError
from devnet.torture.ground import AnyWires
from devnet.torture.namespaces import NamespaceWires
from devnet.torture.proxies import ProxyWires
from devnet.torture.runner import Outcome, run_scenarios
from devnet.torture.scenario import Scenario, ScenarioInvalid, read_scenario, scenario_names
from devnet.torture.telling import ScenarioTeller

app = typer.Typer(add_completion=False)

FAILED = 1
"""Exit code when a scenario did not end as it must."""

USAGE_ERROR = 2
"""Exit code when there is no such scenario."""


INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class WireKind(StrEnum):
    """What nodes are connected by."""

    PROXIES = "proxies"
    NAMESPACES = "namespaces"


WIRES: Mapping[WireKind, type[AnyWires]] = {
    WireKind.PROXIES: ProxyWires,
    WireKind.NAMESPACES: NamespaceWires,
}


@app.command("scenario")
def run_scenario_command(
    *,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which; none lists them.")
    ] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Run all scenarios.")] = False,
    seed: Annotated[int, typer.Option(help="Decides what chance decides.")] = 1,
    wires: Annotated[
        WireKind, typer.Option(help="What nodes are connected by; namespaces need root.")
    ] = WireKind.PROXIES,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, the rest to stderr.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep logs and data in any case.")] = False,
) -> None:
    """Let things happen to real nodes while clients transact, and check everything afterwards.

    Scenarios are the files in devnet/scenarios. The checks: what was reported final is there,
    once, unchanged and in one order on every node; money is conserved; the network finalizes
    again in bounded time. Of a scenario that fails, logs, data and the clients' history are kept.

    Exit codes: 0 all is well, 1 a scenario failed, 2 there is no such scenario, 130 interrupted.
    """
    teller = ScenarioTeller(sys.stderr if as_json else sys.stdout)
    try:
        wanted = scenario_names() if all_of_them else names or []
        chosen = [(name, read_scenario(name)) for name in wanted]
    except ScenarioInvalid as error:
        teller.failure(str(error))
        raise typer.Exit(USAGE_ERROR) from None
    if not chosen:
        teller.catalogue([(name, read_scenario(name)) for name in scenario_names()])
        return
    chosen = _possible(chosen, WIRES[wires], teller)
    root = Path(tempfile.mkdtemp(prefix="aitbc-scenarios-"))
    # SIGTERM ends it as Ctrl-C does: file systems and namespaces must not stay behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    running = run_scenarios(chosen, seed, root, teller.progress, WIRES[wires])
    try:
        outcomes = asyncio.run(_run(running, teller))
    except KeyboardInterrupt:
        teller.failure(f"interrupted; everything is stopped; logs and data: {root}")
        raise typer.Exit(INTERRUPTED) from None
    except DevnetError as error:
        teller.failure(f"the network did not start: {error}\nlogs and data: {root}")
        raise typer.Exit(error.exit_code) from None
    if as_json:
        print(json.dumps({"seed": seed, "scenarios": [each.as_json() for each in outcomes]}))
    failed = [outcome for outcome in outcomes if not outcome.passed]
    teller.summary(outcomes, root if failed or keep else None)
    if not failed and not keep:
        shutil.rmtree(root)
    raise typer.Exit(FAILED if failed else 0)


def _possible(
    chosen: Sequence[tuple[str, Scenario]], wires: type[AnyWires], teller: ScenarioTeller
) -> list[tuple[str, Scenario]]:
    """Leave out the scenarios with steps that these wires cannot do, and say so."""
    possible = []
    for name, scenario in chosen:
        if any(isinstance(step, wires.lacks) for step in scenario.step):
            teller.progress(f"{name} is left out: these wires can be neither slow nor torn")
        else:
            possible.append((name, scenario))
    return possible


async def _run(running: AsyncIterator[Outcome], teller: ScenarioTeller) -> list[Outcome]:
    outcomes = []
    async for outcome in running:
        teller.outcome(outcome)
        outcomes.append(outcome)
    return outcomes
