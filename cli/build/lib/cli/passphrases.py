"""The options by which commands are given a passphrase, the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from node.passphrase import (
    passphrase_from_descriptor,
    passphrase_from_file,
    passphrase_from_prompt,
)

PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FILE", help="Private file with the passphrase."),
]
"""Option for a file."""

PassphraseFd = Annotated[
    int | None,
    typer.Option("--passphrase-fd", metavar="N", help="Open descriptor to read it from."),
]
"""Option for a descriptor."""


def read_passphrase(file: Path | None, descriptor: int | None, what: str, *, new: bool) -> bytes:
    """Return the passphrase from the file, the descriptor, or the person at the terminal.

    Args:
        file: `--passphrase-file`.
        descriptor: `--passphrase-fd`.
        what: what it opens, for the prompt.
        new: whether it is for a new key, so that typing it needs a second time.

    Raises:
        KeyFileError: none of them gives one.
    """
    if file is not None and descriptor is not None:
        raise typer.BadParameter("give --passphrase-file or --passphrase-fd, not both")
    if file is not None:
        return passphrase_from_file(file)
    if descriptor is not None:
        return passphrase_from_descriptor(descriptor)
    return passphrase_from_prompt(what, confirm=new)
