"""Entry of `./dev`: picks the command and imports nothing of the others.

Each command is a module in `devnet.commands` with a `typer.Typer` named `app`.
"""

import atexit
import difflib
import gc
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType

import typer

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "devnet": "Start a local network, run one real paid job, stay up until Ctrl-C.",
        "scenario": "Let things go wrong on a network of real processes, and check what is left.",
        "test": "Run the tests, complete or the parts that you name.",
        "check": "Check format, lint, types, import contracts and house style.",
        "sim": "Run whole networks in simulated time, under faults that a seed decides.",
        "mutations": "Break the rules of consensus one by one, and show what notices.",
        "bench": "Measure a part on this machine.",
        "screenshots": "Take pictures of every page of the explorer, and one sheet of them.",
    }
)
"""Commands and what each is for, in the order of the help."""

HELP = """Usage: ./dev COMMAND [OPTIONS]

  The developer's commands of AITBC. The first run makes .venv with the pinned packages.

Commands:
{commands}

  ./dev COMMAND --help says what a command takes.
"""

USAGE_ERROR = 2


def main(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name.

    Returns:
        0 after the help, 2 when there is no such command.

    Raises:
        SystemExit: A command ended; carries its exit code.
    """
    if sys.flags.optimize:
        sys.stderr.write("dev: assertions are part of the program; start Python without -O\n")
        return USAGE_ERROR
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(help_text())
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        sys.stderr.write(f"dev: there is no command {name!r}.{_suggestion(name)}\n\n{help_text()}")
        return USAGE_ERROR
    app: typer.Typer = import_module(f"devnet.commands.{name}").app
    app(rest, prog_name=f"./dev {name}")
    return 0


def help_text() -> str:
    """Return the text of `./dev --help`."""
    width = max(map(len, COMMANDS)) + 3
    lines = (f"  {name:<{width}}{purpose}" for name, purpose in COMMANDS.items())
    return HELP.format(commands="\n".join(lines))


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, COMMANDS, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


if __name__ == "__main__":
    # What the process holds ends with it; the interpreter need not search it for garbage first.
    atexit.register(gc.freeze)
    sys.exit(main(sys.argv[1:]))
