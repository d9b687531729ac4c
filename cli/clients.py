"""What the commands that speak to a node share: its address, the caller's keys, how calls fail.

They stand on the SDK alone, so that they work where the node is not installed.
"""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from aitbc import AitbcError, ApiError, Client, ConnectionFailed, JobFailed, JobTimeout
from aitbc.errors import KeyFileError
from aitbc.exchange import BASE_URL_VARIABLE
from aitbc.private_files import read_secret_line
from cli.exits import CommandFailed, Exit

NODE_DEFAULT: Final = "http://localhost:8011"

NodeUrl = Annotated[
    str,
    typer.Option("--node", metavar="URL", envvar=BASE_URL_VARIABLE, help="Address of a node."),
]
"""Option for the node; the SDK's variable names it too."""

ApiKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--api-key-file",
        metavar="FILE",
        envvar="AITBC_API_KEY_FILE",
        help="Private file with an API key; a devnet needs none.",
    ),
]
"""Option for the API key, which never stands in the command line."""

KeyPassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="Private file with the key's passphrase; asked for at a terminal otherwise.",
    ),
]
"""Option for the passphrase of a key file."""


def read_api_key(file: Path | None) -> str | None:
    """Return the API key in a private file, None without one.

    Raises:
        KeyFileError: the file cannot be used.
    """
    if file is None:
        return None
    try:
        return read_secret_line(file).decode("ascii")
    except UnicodeDecodeError:
        raise KeyFileError(f"{file} holds no API key") from None


def read_key_passphrase(file: Path | None, key_file: Path, *, is_new: bool) -> bytes:
    """Return a key's passphrase from a private file or from the person at the terminal.

    Raises:
        KeyFileError: neither gives one.
    """
    if file is not None:
        return read_secret_line(file)
    if not sys.stdin.isatty():
        raise KeyFileError(
            f"no passphrase for {key_file}: give --passphrase-file, or run it at a terminal"
        )
    typed = getpass.getpass(f"Passphrase for {'new ' if is_new else ''}{key_file}: ")
    if is_new and getpass.getpass("Again: ") != typed:
        raise KeyFileError("the two passphrases differ: try again")
    return typed.encode()


@contextmanager
def node_client(url: str, api_key_file: Path | None) -> Iterator[Client]:
    """Give a client of a node; its errors end the command.

    Raises:
        CommandFailed: a call failed; the text says why.
    """
    with sdk_errors(), Client(url, read_api_key(api_key_file)) as client:
        yield client


@contextmanager
def sdk_errors() -> Iterator[None]:
    """Turn errors of the SDK into the end of the command.

    Raises:
        CommandFailed: one of them was raised inside.
    """
    try:
        yield
    except ConnectionFailed as error:
        text = f"{error}. Is a node running there? Name another with --node"
        raise CommandFailed(text, Exit.UNREACHABLE) from error
    except ApiError as error:
        request = f" (request {error.request_id})" if error.request_id else ""
        unnamed = [place for place in error.pointers if place and place not in error.detail]
        fields = f" (at {', '.join(unnamed)})" if unnamed else ""
        text = f"the node says {error.error_code}: {error.detail}{fields}{request}"
        raise CommandFailed(text) from error
    except JobFailed as error:
        raise CommandFailed(str(error), Exit.NO_RESULT) from error
    except JobTimeout as error:
        raise CommandFailed(str(error), Exit.TIMED_OUT) from error
    except AitbcError as error:
        raise CommandFailed(str(error)) from error
