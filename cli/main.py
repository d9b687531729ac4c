"""Entry of the `aitbc` command.

A group's module, with everything that it imports, is loaded when one of its commands is called:
`aitbc --help` answers at once, and the miner's commands work where the node is not installed.
"""

import atexit
import gc
import os
import sys
import traceback
from typing import ClassVar, Final

import typer

from cli.exits import CommandFailed, Exit
from cli.lazy import Group, LazyGroups

TRACEBACK_VARIABLE: Final = "AITBC_TRACEBACK"
"""Set to 1, it makes an unexpected failure show where it happened."""


class Groups(LazyGroups):
    """The top level."""

    GROUPS: ClassVar[dict[str, Group]] = {
        "node": Group("cli.node", "Run a node."),
        "genesis": Group("cli.genesis", "Begin a chain."),
        "keys": Group("cli.keys", "Make and show keys."),
        "job": Group("cli.job", "Order compute and read the results."),
        "balance": Group("cli.balance", "Show what you may spend, and what is reserved."),
        "wallet": Group("cli.wallet", "Send units out of your wallets."),
        "statement": Group("cli.statement", "Show what came and went in a period."),
        "offer": Group("cli.offer", "See, make and accept offers of miners."),
        "webhook": Group("cli.webhook", "Be told what happens to your jobs."),
        "key": Group("cli.key", "Make, rotate and revoke API keys."),
        "miner": Group("cli.miner", "Do work and be paid for it."),
        "tx": Group("cli.tx", "Send transactions."),
        "verify": Group("cli.verify", "Check a proof bundle on this machine."),
        "light": Group("cli.light", "Follow the chain and ask it, trusting no node."),
        "authority": Group("cli.authority", "See and change who runs the chain."),
        "ballot": Group("cli.ballot", "See and decide what authorities vote on."),
    }


app = typer.Typer(
    name="aitbc",
    cls=Groups,
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
    # What the process still holds ends with it. To search all modules for garbage first, as the
    # interpreter does, takes a node half a second.
    atexit.register(gc.freeze)
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
