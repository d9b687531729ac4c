"""What all groups of commands have in common."""

from typing import Annotated

import typer
from typer.core import TyperGroup

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
"""Option of commands that answer with data."""


def command_group(summary: str, kind: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """Return an empty group; its module registers the commands, or `kind` knows them."""
    return typer.Typer(
        cls=kind,
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
