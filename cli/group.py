"""What all groups of commands have in common."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
"""Option of commands that answer with data."""


def command_group(summary: str) -> typer.Typer:
    """Return an empty group; its module registers the commands."""
    return typer.Typer(
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
