"""Commands that are imported when they are called: none waits for another's imports."""

import gc
import importlib
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

import typer
from typer.core import TyperGroup

from cli.exits import CommandFailed

if TYPE_CHECKING:
    from typer._click import Command, Context


class Group(NamedTuple):
    """A command, or a group of commands, that is not loaded yet."""

    module: str
    """Module with a Typer application named `app`."""
    summary: str
    """Line in the list of commands."""


class LazyGroups(TyperGroup):
    """A group that lists its members by their summaries and loads the one that is called."""

    GROUPS: ClassVar[dict[str, Group]] = {}
    """Members by name, in the order of the list."""

    def list_commands(self, ctx: "Context") -> list[str]:  # noqa: ARG002
        """Return the names of the members, in the order of the table."""
        return list(self.GROUPS)

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":  # noqa: ARG002
        """Return a stand-in that knows the summary, which is all that the list needs."""
        group = self.GROUPS.get(cmd_name)
        return TyperGroup(name=cmd_name, help=group.summary) if group else None

    def resolve_command(
        self, ctx: "Context", args: list[str]
    ) -> "tuple[str | None, Command | None, list[str]]":
        """Return the member that is called, loaded."""
        group = self.GROUPS.get(args[0])
        if group is None:
            return super().resolve_command(ctx, args)
        return args[0], typer.main.get_command(_load(group.module).app), args[1:]


_PACKAGES: Final = {
    "aitbc-node": {"consensus", "coordinator", "explorer_web", "genesis", "ledger", "node"},
    "aitbc-miner": {"miner"},
}
"""What is installed apart from the command, and the modules that it brings."""


def _load(module: str) -> ModuleType:
    """Import a module without searching for garbage: an import makes much, and leaves none.

    Raises:
        CommandFailed: it stands on a package that is not installed.
    """
    gc.disable()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        lacking = (error.name or "").partition(".")[0]
        for package, modules in _PACKAGES.items():
            if lacking in modules:
                text = f"this command needs {package}, which is not installed here"
                raise CommandFailed(f"{text}: docs/installing.md says how") from None
        raise
    finally:
        gc.enable()
