"""Files that jobs take and give: streamed, never whole in memory, checked by their digest."""

import hashlib
from collections.abc import Iterator
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Final

from aitbc.answers import Artifact
from aitbc.errors import ApiError, InvalidValue
from aitbc.exchange import (
    Broken,
    Flow,
    Query,
    Request,
    Session,
    ask,
    ask_nothing,
    ask_page,
    opened,
    read_piece,
    repeated,
    segment,
    work,
)
from aitbc.json_values import Answer, read_object, typed_list, unexpected

PREFIX: Final = "sha256:"
_PIECE_BYTES: Final = 1 << 16
_TRANSFER_TIMEOUT_S: Final = 300.0


def upload_artifact(session: Session, path: PathLike[str] | str) -> Flow[str]:
    """Upload a file in pieces and return its name, ``sha256:…``.

    Raises:
        ApiError: refused, or the node names another digest than the file has.
    """
    file_path = Path(path)
    name = yield from work(lambda: f"{PREFIX}{_file_digest(file_path)}")
    size = yield from work(lambda: file_path.stat().st_size)

    def pieces() -> Iterator[bytes]:
        with file_path.open("rb") as source:
            while piece := source.read(_PIECE_BYTES):
                yield piece

    request = Request(
        "POST",
        "/v1/artifacts",
        content=pieces,
        headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
        # The same bytes have the same name, however often they come.
        repeatable=True,
    )
    answer = yield from ask(session, request, Artifact)
    if answer["artifact"] != name:
        raise ApiError(200, "ARTIFACT_MISMATCH", f"node stored {answer['artifact']}, not {name}")
    return name


def download_artifact(
    session: Session, name: str, target: PathLike[str] | str, bytes_max: int = 1 << 30
) -> Flow[int]:
    """Download an artifact into `target`, check its digest, and return its size in bytes.

    Args:
        session: the client's.
        name: ``sha256:…``.
        target: file to write; it is replaced.
        bytes_max: largest artifact.

    Raises:
        InvalidValue: the name is none, or the content's digest is not the name's.
        ApiError: refused, or the content is larger than `bytes_max`.

    In each case nothing is left at `target`.
    """
    if not name.startswith(PREFIX):
        raise InvalidValue("artifact", f"{name!r} does not begin with {PREFIX}")
    file_path = Path(target)
    path = f"/v1/artifacts/{segment(name)}"
    request = Request("GET", path, timeout_s=_TRANSFER_TIMEOUT_S)

    def once(prepared: Request) -> Flow[int]:
        return (yield from _download(session, prepared, file_path, bytes_max))

    try:
        size = yield from repeated(session, request, once)
        if f"{PREFIX}{(yield from work(lambda: _file_digest(file_path)))}" != name:
            raise InvalidValue("artifact", f"content does not have the digest of {name}")
    except BaseException:
        file_path.unlink(missing_ok=True)
        raise
    return size


def list_artifacts(session: Session) -> Flow[list[Artifact]]:
    """Return all files that the caller keeps, page by page: those that end first first."""
    found: list[Artifact] = []
    query: Query | None = {}
    while query is not None:
        body, query = yield from ask_page(session, Request("GET", "/v1/artifacts", params=query))
        found += typed_list(read_object(body, Answer)["artifacts"], Artifact)
    return found


def delete_artifact(session: Session, name: str) -> Flow[None]:
    """Delete a file that the caller keeps."""
    yield from ask_nothing(session, Request("DELETE", f"/v1/artifacts/{segment(name)}"))


def _download(session: Session, request: Request, target: Path, bytes_max: int) -> Flow[int]:
    yield from opened(session, request)
    deadline = session.clock() + _TRANSFER_TIMEOUT_S
    size = 0
    with target.open("wb") as file:
        while (piece := (yield from read_piece())) is not None:
            size += len(piece)
            if size > bytes_max:
                raise unexpected(f"the answer has more than {bytes_max} bytes")
            if session.clock() > deadline:
                raise Broken("the answer did not end in time", was_sent=True)
            yield from work(partial(file.write, piece))
    return size


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
