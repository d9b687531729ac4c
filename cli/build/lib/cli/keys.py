"""`aitbc keys`: encrypted key files."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit, ends_with
from cli.group import AsJson, command_group
from cli.passphrases import PassphraseFd, PassphraseFile, read_passphrase
from node.keyfile import KeyFile, KeyFileError, Role, create_key_file, read_key_file

app = command_group("Make and show keys.")


@app.command()
def new(
    role: Annotated[Role, typer.Option(help="What the key is for; one key, one role.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="New file; never overwritten.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    as_json: AsJson = False,
) -> None:
    """Make a random key and write it encrypted, readable by its owner only."""
    with ends_with(Exit.REFUSED, KeyFileError):
        passphrase = read_passphrase(passphrase_file, passphrase_fd, str(out), new=True)
        _show(create_key_file(out, role, passphrase), as_json=as_json)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Key file.")],
    as_json: AsJson = False,
) -> None:
    """Print a key file's address and public key; needs no passphrase."""
    with ends_with(Exit.REFUSED, KeyFileError):
        _show(read_key_file(file), as_json=as_json)


def _show(key_file: KeyFile, *, as_json: bool) -> None:
    shown = {
        "role": key_file.role.value,
        "address": key_file.address,
        "public_key": key_file.public_key,
    }
    if as_json:
        print(json.dumps(shown))
    else:
        for name, value in shown.items():
            print(f"{name.replace('_', ' '):<11} {value}")
