"""What a program left behind, read as hostile: no links followed, all of it bounded."""

import contextlib
import json
import mimetypes
import os
import re
import stat
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, NoReturn

from aitbc import InvalidValue, JsonValue, canonical_json
from miner.work import Artifacts, BadInput

RESULT_BYTES_MAX: Final = 200_000
"""Of the structured result, or of what was printed; more belongs into artifacts."""

ARTIFACTS_MAX: Final = 16
OUT_BYTES_MAX: Final = 256 << 20
"""All files that a program leaves."""

OUT_FILES_MAX: Final = 10_000

_FIELD: Final = "entrypoint"
_RESULT: Final = "result.json"
_ARTIFACTS: Final = "artifacts"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_TOLD_CHARACTERS_MAX: Final = 300


def check_size(out: Path) -> None:
    """Check what a program has written so far.

    Raises:
        BadInput: more bytes or files than one job may leave, or a folder whose files cannot be
            counted, as it is closed to this user or nested too deep.
    """
    size = 0
    try:
        for files, entry in enumerate(_entries(out)):
            with contextlib.suppress(FileNotFoundError):
                size += entry.stat(follow_symlinks=False).st_blocks * 512
            if size > OUT_BYTES_MAX or files > OUT_FILES_MAX:
                raise BadInput(_FIELD, f"leaves more than {OUT_BYTES_MAX} bytes, or too many files")
    except OSError as error:
        raise BadInput(_FIELD, f"leaves a folder that cannot be read: {error.strerror}") from None


def read_result(out: Path) -> JsonValue | None:
    """Return the structured result, None if the program left none.

    Raises:
        BadInput: it is no JSON, too long, or holds what canonical JSON cannot.
    """
    raw = _read(out / _RESULT)
    if raw is None:
        return None
    try:
        value: JsonValue = json.loads(raw, parse_constant=_refuse)
        canonical_json(value)
    except (ValueError, RecursionError, InvalidValue) as error:
        reason = str(error)[:_TOLD_CHARACTERS_MAX]
        raise BadInput(_FIELD, f"its {_RESULT} is not usable: {reason}") from None
    return value


def read_printed(log: Path) -> str:
    """Return what a program printed.

    Raises:
        BadInput: too much for a result.
    """
    raw = _read(log) or b""
    return raw.decode("utf-8", "replace")


def last_line(log: Path) -> str:
    """Return the last line that a program wrote to a log, for the client to read."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4_096))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    text = "".join(c for c in (lines[-1] if lines else "") if c.isprintable())
    return text[:_TOLD_CHARACTERS_MAX]


def store_artifacts(out: Path, artifacts: Artifacts) -> tuple[Mapping[str, Any], ...]:
    """Store the files that a program left in its folder `artifacts`, and return what they are.

    Raises:
        BadInput: too many, or one that is no plain file with a plain name.
    """
    folder = out / _ARTIFACTS
    if not folder.is_dir() or folder.is_symlink():
        return ()
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in islice(entries, ARTIFACTS_MAX + 1))
    if len(names) > ARTIFACTS_MAX:
        raise BadInput(_FIELD, f"leaves more than {ARTIFACTS_MAX} artifacts")
    return tuple(_store(folder / name, artifacts) for name in names)


def _store(path: Path, artifacts: Artifacts) -> Mapping[str, Any]:
    if _NAME.fullmatch(path.name) is None or not stat.S_ISREG(path.lstat().st_mode):
        raise BadInput(_FIELD, f"leaves an artifact {path.name[:64]!r} that is no plain file")
    media_type, _ = mimetypes.guess_type(path.name)
    return {
        "name": path.name,
        "artifact": artifacts.upload(path),
        "media_type": media_type or "application/octet-stream",
        "size": path.stat().st_size,
    }


def _read(path: Path) -> bytes | None:
    """Return a small plain file's content, None if there is none.

    A link would lead out of the sandbox, into the miner's own files, and a pipe would never end.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        raise BadInput(_FIELD, f"leaves a {path.name} that is no plain file") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput(_FIELD, f"leaves a {path.name} that is no plain file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(RESULT_BYTES_MAX + 1)
    if len(content) > RESULT_BYTES_MAX:
        raise BadInput(_FIELD, f"gives more than {RESULT_BYTES_MAX} bytes: use artifacts")
    return content


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield all entries below a folder, those that go meanwhile left out.

    Raises:
        OSError: a folder cannot be listed, and may hold anything.
    """
    pending = [folder]
    while pending:
        # A folder may have gone, or become a file, since it was seen.
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(pending.pop()) as entries,
        ):
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
