"""`./dev mutations`: breaks the consensus rules one by one in a copy, and shows what notices."""

from pathlib import Path
from typing import Annotated

import typer

from devnet.commands import ROOT
from devnet.mutation import (
    MUTATIONS,
    Detector,
    DetectorBroken,
    Mutation,
    Verdict,
    copied_tree,
    detectors,
    judge,
)

app = typer.Typer(add_completion=False)

SEEDS = 40
"""Seeds of the simulator that a breakage is tried on, unless told otherwise."""

SURVIVED, CANNOT_RUN = 1, 2
"""Exit codes."""


@app.command()
def mutations(
    names: Annotated[list[str] | None, typer.Argument(help="Only these; all by default.")] = None,
    part: Annotated[str, typer.Option(help="Only the i-th of n parts, as 1/4.")] = "1/1",
    every: Annotated[
        bool, typer.Option("--all", help="Ask all detectors, not only until one notices.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Seeds of the simulator; 0 leaves it out.")] = SEEDS,
    listed: Annotated[bool, typer.Option("--list", help="List the breakages and end.")] = False,
) -> None:
    """Break each rule in a copy of the tree; fail if nothing notices one of them."""
    chosen = _chosen(names or [], part)
    if listed:
        for mutation in chosen:
            print(f"{mutation.name:<36} {mutation.rule}")
        return
    asked = detectors(seeds)
    survivors = 0
    with copied_tree(ROOT) as tree:
        _check_sound(asked, tree)
        print(f"| {'breakage':<36} | {'rule':<52} | noticed by |\n|---|---|---|")
        for mutation in chosen:
            try:
                verdict = judge(tree, mutation, asked, all_of_them=every)
            except DetectorBroken as error:
                print(f"{mutation.name}: {error}")
                raise typer.Exit(CANNOT_RUN) from None
            survivors += not verdict.caught
            print(_row(verdict), flush=True)
    print(f"\n{len(chosen) - survivors} of {len(chosen)} breakages noticed")
    raise typer.Exit(SURVIVED if survivors else 0)


def _check_sound(asked: tuple[Detector, ...], tree: Path) -> None:
    """Fail unless all detectors are content with the tree as it is: only then do they tell."""
    for detector in asked:
        try:
            failed = detector.run(tree)
        except DetectorBroken as error:
            failed = str(error)
        if failed is not None:
            print(f"mutations: {detector.name} fails without any breakage: {failed}")
            raise typer.Exit(CANNOT_RUN)


def _chosen(names: list[str], part: str) -> tuple[Mutation, ...]:
    unknown = set(names) - {mutation.name for mutation in MUTATIONS}
    if unknown:
        raise typer.BadParameter(f"no breakage is named {', '.join(sorted(unknown))}; see --list")
    index, _, count = part.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise typer.BadParameter("a part is written as 1/4, the first of four")
    chosen = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    return tuple(chosen[int(index) - 1 :: int(count)])


def _row(verdict: Verdict) -> str:
    caught = "; ".join(f"{name}: {failed}" for name, failed in verdict.caught.items())
    return f"| {verdict.mutation.name:<36} | {verdict.mutation.rule:<52} | {caught or 'NOBODY'} |"
