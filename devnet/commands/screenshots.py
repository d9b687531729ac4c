"""`./dev screenshots`: pictures of every page of the explorer, and one sheet of them all."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from devnet.commands import ROOT
from devnet.commands.needs import CHROMIUM

app = typer.Typer(add_completion=False)

CANNOT_RUN = 3


@app.command()
def screenshots(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = ROOT
    / ".bench"
    / "screenshots",
    only: Annotated[str, typer.Option(help="Parts of pages' names: market,stats.")] = "",
) -> None:
    """Take every page at three widths in both themes; the first run makes a short chain."""
    chromium = CHROMIUM.find()
    if chromium is None:
        print(f"screenshots: there is no Chromium here: {CHROMIUM.remedy}", file=sys.stderr)
        raise typer.Exit(CANNOT_RUN)
    sys.path.insert(0, str(ROOT))
    make_sheet = import_module("bench.explorer_sheet").make_sheet
    sheet = make_sheet(out, chromium, only, lambda text: print(text, file=sys.stderr))
    print(f"{sheet}\n{sheet.with_name('sheet.png')}")
