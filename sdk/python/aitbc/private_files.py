"""Small files that nobody but their owner may read: keys, passphrases, API keys."""

import os
import stat
from pathlib import Path
from typing import Final

from aitbc.errors import KeyFileError

SECRET_BYTES_MAX: Final = 1_024
"""Longer input is more likely the wrong file than a passphrase."""


def read_private(path: Path, bytes_max: int) -> bytes:
    """Read a small file that nobody but its owner may read.

    Raises:
        KeyFileError: missing, no regular file, too large, or others may read it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"{path} is not a regular file")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise KeyFileError(f"others may read {path}: chmod 600 {path}")
        data = os.read(descriptor, bytes_max + 1)
    finally:
        os.close(descriptor)
    if len(data) > bytes_max:
        raise KeyFileError(f"{path} has more than {bytes_max} bytes: is it the right file?")
    return data


def read_secret_line(path: Path) -> bytes:
    """Return a private file's content without its last line end.

    Raises:
        KeyFileError: missing, empty, too long, or others may read it.
    """
    secret = read_private(path, SECRET_BYTES_MAX).removesuffix(b"\n").removesuffix(b"\r")
    if not secret:
        raise KeyFileError(f"{path} is empty")
    return secret


def write_new_private(path: Path, data: bytes) -> None:
    """Write a file durably, mode 0600, whole or not at all, where nothing is yet.

    Raises:
        FileExistsError: something of that name is there; it is left as it is.
        OSError: the folder cannot be written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        # Unlike rename, link refuses to replace what is there.
        os.link(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
