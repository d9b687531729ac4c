"""The commands of `./dev`, one module each with a `typer.Typer` named `app`."""

from pathlib import Path
from typing import Final

__all__ = ["ROOT"]

ROOT: Final = Path(__file__).resolve().parents[2]
"""Top of the checkout."""
