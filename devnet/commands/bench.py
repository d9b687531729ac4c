"""`./dev bench NAME`: runs the module `bench/NAME.py`.

A benchmark module has `main(arguments: list[str]) -> int`, the docstring's first line as its
description, and takes `--json`.
"""

import ast
import importlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from devnet.commands import ROOT

app = typer.Typer(add_completion=False)

FOLDER = ROOT / "bench"
HELP_OPTIONS = ("--help", "-h")


@app.command(
    # No help option of its own, so that one after a name reaches the benchmark.
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
    epilog="Options after NAME are the benchmark's own: ./dev bench NAME --help.",
)
def bench(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Benchmark to run; none lists them.")] = None,
) -> None:
    """Measure a part on this machine and print what was measured (--json for programs)."""
    if name in HELP_OPTIONS:
        print(context.get_help())
        return
    available = benchmarks(FOLDER)
    if name is None:
        for known, purpose in available.items():
            print(f"{known:<12}{purpose}")
        return
    if name not in available:
        known = ", ".join(available) or "none"
        print(f"bench: there is no benchmark {name!r}. There are: {known}", file=sys.stderr)
        raise typer.Exit(2)
    sys.path.insert(0, str(ROOT))
    raise typer.Exit(importlib.import_module(f"bench.{name}").main(list(context.args)))


def benchmarks(folder: Path) -> dict[str, str]:
    """Return the names of the benchmarks in a folder with the first line of what each says."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        has_main = any(
            isinstance(node, ast.FunctionDef) and node.name == "main" for node in module.body
        )
        if has_main and not path.stem.startswith("_"):
            found[path.stem] = (ast.get_docstring(module) or "").partition("\n")[0]
    return found
