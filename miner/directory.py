"""The miner's folder, held by one miner at a time: two with one key would hinder each other."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DirectoryBusy(Exception):
    """Another miner uses the folder, or it cannot be used."""


@contextmanager
def held_directory(directory: Path) -> Iterator[None]:
    """Make the folder if it is not there, and hold it.

    Raises:
        DirectoryBusy: another miner holds it, or it cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DirectoryBusy(f"{directory} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DirectoryBusy(
            f"another miner runs in {directory}: give this one its own --directory"
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)
