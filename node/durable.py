"""Files that are there whole or not at all, and are never overwritten."""

import os
import secrets
from pathlib import Path


def write_new_file(path: Path, data: bytes, mode: int) -> None:
    """Make a file that appears whole, with these permission bits, and survives a power cut.

    Raises:
        FileExistsError: there is something of that name; it is left as it is.
        OSError: the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        # A link refuses to replace what is there; a rename would not.
        os.link(draft, path)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a new file's own sync does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
