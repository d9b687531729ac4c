"""Where a passphrase comes from: a private file, a descriptor, or a person at the terminal.

Never from the command line or the environment: both can be read by others on the machine.
"""

import getpass
import os
import sys
from pathlib import Path
from typing import ClassVar, Final

from node.keyfile import KeyFileError, read_private

PASSPHRASE_BYTES_MAX: Final = 1_024
"""Longer input is more likely the wrong file than a passphrase."""


class PassphraseMissing(KeyFileError):
    """No source gave a passphrase."""

    code: ClassVar[str] = "PASSPHRASE_MISSING"


def passphrase_from_file(path: Path) -> bytes:
    """Return a file's content without its last line end.

    Raises:
        KeyFileError: missing, empty, too long, or others may read it.
    """
    return _one_line(read_private(path, PASSPHRASE_BYTES_MAX), str(path))


def passphrase_from_descriptor(descriptor: int) -> bytes:
    """Read an open descriptor to its end, and close it.

    Raises:
        PassphraseMissing: it is not open, empty, or gives too much.
    """
    try:
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(PASSPHRASE_BYTES_MAX + 1)
    except OSError as error:
        raise PassphraseMissing(
            f"descriptor {descriptor} cannot be read: {error.strerror}"
        ) from None
    return _one_line(data, f"descriptor {descriptor}")


def passphrase_from_prompt(what: str, *, confirm: bool) -> bytes:
    """Ask the person at the terminal; twice for a new key.

    Raises:
        PassphraseMissing: there is no terminal, nothing was typed, or the two differ.
    """
    if not sys.stdin.isatty():
        raise PassphraseMissing(
            f"no passphrase for {what}: give --passphrase-file or --passphrase-fd, "
            "or run it at a terminal"
        )
    typed = getpass.getpass(f"Passphrase for {what}: ")
    if confirm and getpass.getpass("Again: ") != typed:
        raise PassphraseMissing("the two passphrases differ: try again")
    return _one_line(typed.encode(), "the prompt")


def _one_line(data: bytes, source: str) -> bytes:
    passphrase = data.removesuffix(b"\n").removesuffix(b"\r")
    if not passphrase:
        raise PassphraseMissing(f"{source} gave no passphrase")
    if len(passphrase) > PASSPHRASE_BYTES_MAX:
        raise PassphraseMissing(f"{source} gave more than {PASSPHRASE_BYTES_MAX} bytes")
    return passphrase
