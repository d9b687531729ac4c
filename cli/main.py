"""Entry of the `aitbc` command.

A group's module, with everything that it imports, is loaded when one of its commands is called:
`aitbc --help` answers at once, and the miner's commands work where the node is not installed.
"""

import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

import typer
from typer.core import TyperGroup

from cli.exits import CommandFailed, Exit

if TYPE_CHECKING:
    from typer._click import Command, Context

TRACEBACK_VARIABLE: Final = "AITBC_TRACEBACK"
"""Set to 1, it makes an unexpected failure show where it happened."""


class Group(NamedTuple):
    """A group of commands that is not loaded yet."""

    module: str
    """Module with a Typer application named `app`."""
    summary: str
    """Line in the list of groups."""


class LazyGroups(TyperGroup):
    """The top level: lists groups by their summaries, loads the one that is called."""

    GROUPS: ClassVar[dict[str, Group]] = {
        "node": Group("cli.node", "Run a node."),
        "genesis": Group("cli.genesis", "Begin a chain."),
        "keys": Group("cli.keys", "Make and show keys."),
        "job": Group("cli.job", "Order compute and read the results."),
        "miner": Group("cli.miner", "Do work and be paid for it."),
        "tx": Group("cli.tx", "Send transactions."),
        "authority": Group("cli.authority", "See and change who runs the chain."),
        "ballot": Group("cli.ballot", "See and decide what authorities vote on."),
    }

    def list_commands(self, ctx: "Context") -> list[str]:  # noqa: ARG002
        """Return the names of the groups, in the order of the table."""
        return list(self.GROUPS)

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":  # noqa: ARG002
        """Return a stand-in that knows the summary, which is all that the list needs."""
        group = self.GROUPS.get(cmd_name)
        return TyperGroup(name=cmd_name, help=group.summary) if group else None

    def resolve_command(
        self, ctx: "Context", args: list[str]
    ) -> "tuple[str | None, Command | None, list[str]]":
        """Return the group that is called, loaded."""
        group = self.GROUPS.get(args[0])
        if group is None:
            return super().resolve_command(ctx, args)
        loaded = typer.main.get_command(importlib.import_module(group.module).app)
        return args[0], loaded, args[1:]


app = typer.Typer(
    name="aitbc",
    cls=LazyGroups,
    help="AITBC: order AI compute, do it, prove it, be paid.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _top() -> None:
    """Hold the groups; has no options of its own."""


def main() -> None:
    """Run the command line and end the process with its code; failures are one paragraph."""
    if not __debug__:
        _end("assertions are part of this program: do not switch them off", Exit.INTERNAL)
    try:
        app(prog_name="aitbc")
    except CommandFailed as failure:
        _end(str(failure), failure.exit_code)
    except Exception as error:  # noqa: BLE001 - the last line before a traceback
        if os.environ.get(TRACEBACK_VARIABLE) == "1":
            traceback.print_exc()
        _end(
            f"unexpected failure, please report it: {type(error).__name__}: {error} "
            f"({TRACEBACK_VARIABLE}=1 shows where)",
            Exit.INTERNAL,
        )


def _end(text: str, exit_code: Exit) -> None:
    print(f"aitbc: {text}", file=sys.stderr)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
