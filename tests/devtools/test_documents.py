"""The commands that documents show exist, with the options that they show."""

import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from functools import cache
from io import StringIO

import pytest

from devnet.__main__ import COMMANDS, main
from devnet.checks import read_sources
from devnet.commands import ROOT
from devnet.commands.bench import benchmarks

# Inline code and the lines of code blocks; a comment ends a command.
COMMAND = re.compile(r"(?:^|`)\./dev ([a-z]+)([^`#\n]*)", re.MULTILINE)


def shown_commands() -> list[tuple[str, str, str]]:
    """Return (document, command, arguments) of every `./dev` command in a document."""
    return [
        (source.path, match[1], match[2])
        for source in read_sources(ROOT)
        if source.suffix == ".md"
        for match in COMMAND.finditer(source.text)
    ]


@cache
def help_of(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "devnet", command, "--help"],
        cwd=ROOT,
        env=os.environ | {"_TYPER_FORCE_DISABLE_TERMINAL": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def help_of_benchmark(name: str) -> str:
    """Ask in this process: what one benchmark imports, the others import too."""
    with redirect_stdout(StringIO()) as said, pytest.raises(SystemExit) as ended:
        main(["bench", name, "--help"])
    assert ended.value.code == 0
    return said.getvalue()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_each_command_has_its_own_help(command: str) -> None:
    assert f"./dev {command}" in help_of(command)


def test_the_documents_show_the_two_commands() -> None:
    assert {"devnet", "test"} <= {
        command for path, command, _ in shown_commands() if path == "README.md"
    }


@pytest.mark.parametrize("command", sorted({command for _, command, _ in shown_commands()}))
def test_a_shown_command_exists_with_the_options_that_are_shown(command: str) -> None:
    assert command in COMMANDS
    text = help_of(command)
    if command == "bench":
        # Options after a benchmark's name are its own.
        text += "".join(help_of_benchmark(name) for name in benchmarks(ROOT / "bench"))
    for path, name, arguments in shown_commands():
        if name == command:
            for option in re.findall(r"--[a-z][a-z-]*", arguments):
                assert option in text, f"{path}: ./dev {name} has no {option}"
