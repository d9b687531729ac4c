"""`aitbc node`: run a node, and look after one."""

from typing import ClassVar

from cli.group import command_group
from cli.lazy import Group, LazyGroups


class NodeCommands(LazyGroups):
    """The commands of a node: only one of them needs all that a node is made of."""

    GROUPS: ClassVar[dict[str, Group]] = {
        "run": Group("cli.node_run", "Run until SIGTERM or Ctrl-C."),
        "status": Group(
            "cli.node_status", "Show where a node stands, and what its chain waits for."
        ),
        "snapshot": Group("cli.snapshot", "Make, check and take snapshots of the chain."),
    }


app = command_group("Run a node.", NodeCommands)


@app.callback()
def _group() -> None:
    """Hold the commands; has no options of its own."""
