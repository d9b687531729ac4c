"""Routes of artifacts: upload, whole or in pieces, and download; between network and disk."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath
from litestar.response import Stream

from coordinator.artifacts.errors import DigestMismatch, UploadBusy, UploadNotFound, WrongOffset
from coordinator.artifacts.model import LISTED_MAX, ArtifactView
from coordinator.artifacts.ranges import ByteRange, RangeNotSatisfiable, range_of, read_range
from coordinator.artifacts.schemas import (
    Artifact,
    ArtifactList,
    Upload,
    UploadRequest,
    artifact_view,
    upload_view,
)
from coordinator.artifacts.under_way import Pace
from coordinator.errors import ArtifactNotFound, TooLarge, TooManyRequests
from coordinator.http import (
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    answer,
    declared,
    exchange_of,
    location,
    same,
)
from coordinator.http.bodies import announced_bytes, read_chunks, read_object, typed
from coordinator.http.context import Given
from coordinator.http.faults import BodyTooSlow, FieldInvalid
from coordinator.http.operation import ANY_KEY, CLIENT, MINER
from coordinator.http.paging import Position, cursor_parameter, encode_cursor, next_link
from coordinator.http.query import CURSOR, limit_declaration, number_parameter
from coordinator.http.times import format_time
from coordinator.wire import parse_artifact
from ledger.types import Hash, TimestampMs

OCTETS: Final = "application/octet-stream"

_TEXT: Final = {"type": "string"}

_LIST: Final = "artifacts"
"""What the cursors of the list of files belong to."""

UPLOAD: Final = Operation(
    summary="Upload a file",
    tag="Artifacts",
    access=CLIENT | MINER,
    description="The body is the file, of any media type. It is named by its digest; the same "
    "file again has the same name.",
    body=same(bytes),
    body_media_type=OCTETS,
    answers={201: Answer("File stored", same(Artifact))},
    errors=(TooLarge, TooManyRequests),
)

DOWNLOAD: Final = Operation(
    summary="Download a file",
    tag="Artifacts",
    access=ANY_KEY,
    description="One range of bytes may be asked for, so that a download goes on where it broke. "
    "The header `AITBC-Expires-At` says when the file is deleted.",
    parameters=(
        Parameter("Range", "Bytes that are wanted, such as `bytes=1000-`.", _TEXT, place="header"),
        Parameter("If-Range", "The `ETag` of what is there already.", _TEXT, place="header"),
    ),
    answers={
        200: Answer("The file", same(bytes), media_type=OCTETS),
        206: Answer("Part of the file", same(bytes), media_type=OCTETS),
    },
    errors=(ArtifactNotFound, RangeNotSatisfiable),
)

LIST: Final = Operation(
    summary="List the caller's files",
    tag="Artifacts",
    access=ANY_KEY,
    parameters=(limit_declaration(LISTED_MAX, LISTED_MAX), CURSOR),
    answers={200: Answer("Files, those that end first first", same(ArtifactList))},
)

DELETE: Final = Operation(
    summary="Delete a file",
    tag="Artifacts",
    access=CLIENT | MINER,
    description="The caller keeps it no more. It is there as long as somebody else keeps it.",
    answers={204: Answer("File not kept any more")},
    errors=(ArtifactNotFound,),
)

BEGIN_UPLOAD: Final = Operation(
    summary="Begin an upload in pieces",
    tag="Artifacts",
    access=CLIENT | MINER,
    description="Announces name and size of a file that then comes in pieces, in order. The "
    "upload survives lost connections and restarts, and waits an hour for its next piece.",
    body=same(UploadRequest),
    answers={201: Answer("Upload begun", same(Upload))},
    errors=(TooLarge, TooManyRequests),
)

GET_UPLOAD: Final = Operation(
    summary="Get how far an upload is",
    tag="Artifacts",
    access=CLIENT | MINER,
    answers={200: Answer("Upload", same(Upload))},
    errors=(UploadNotFound,),
)

APPEND: Final = Operation(
    summary="Upload a piece",
    tag="Artifacts",
    access=CLIENT | MINER,
    description="The body is the piece that begins at `offset`. What came of a piece that breaks "
    "off is kept: ask for the upload's offset and go on there. The last piece makes the file.",
    parameters=(
        Parameter(
            "offset",
            "Where the piece begins: the bytes that are here.",
            {"type": "integer", "minimum": 0, "default": 0},
        ),
    ),
    body=same(bytes),
    body_media_type=OCTETS,
    answers={
        200: Answer("More is to come", same(Upload)),
        201: Answer("File stored", same(Artifact)),
    },
    errors=(UploadNotFound, WrongOffset, UploadBusy, DigestMismatch, TooLarge, TooManyRequests),
)

END_UPLOAD: Final = Operation(
    summary="Give an upload up",
    tag="Artifacts",
    access=CLIENT | MINER,
    answers={204: Answer("Upload deleted")},
    errors=(UploadNotFound, UploadBusy),
)


@post("/v1/artifacts", opt=declared(UPLOAD))
async def upload_artifact(request: HttpRequest, context: Given) -> Response[bytes]:
    """Store a file."""
    stored = await context.services.artifacts.store(
        exchange_of(request).caller, _pieces(request), announced_bytes(request)
    )
    view = artifact_view(stored)
    return answer(
        request, view, status=201, headers=location(request, f"/v1/artifacts/{view.artifact}")
    )


@get("/v1/artifacts", opt=declared(LIST))
async def list_artifacts(request: HttpRequest, context: Given) -> Response[bytes]:
    """List the caller's files."""
    limit = number_parameter(request, "limit", default=LISTED_MAX, least=1, most=LISTED_MAX)
    position = cursor_parameter(request, _LIST, [int, str])
    after = None if position is None else _place(position)
    kept, last = await context.services.artifacts.list(exchange_of(request).caller, limit, after)
    cursor = None if last is None else encode_cursor(_LIST, (last[0], last[1].hex()))
    return answer(
        request,
        ArtifactList(artifacts=[artifact_view(view) for view in kept]),
        headers=next_link(request, cursor),
    )


def _place(position: Position) -> tuple[TimestampMs, Hash]:
    end_ms, digest = position
    try:
        return int(end_ms), bytes.fromhex(str(digest))
    except ValueError:
        # The checksum of a cursor is no secret.
        raise FieldInvalid("cursor", "is none that this list returned", "INVALID_CURSOR") from None


@get("/v1/artifacts/{artifact:str}", opt=declared(DOWNLOAD))
async def download_artifact(
    request: HttpRequest, context: Given, artifact: FromPath[str]
) -> Stream:
    """Send a file or a part of it."""
    exchange = exchange_of(request)
    stored = await context.services.artifacts.open(exchange.caller, parse_artifact(artifact))
    view, tag = stored.view, f'"{stored.view.digest.hex()}"'
    part = _part(request, view.size, tag)
    whole = ByteRange(0, view.size - 1)
    headers = {
        "accept-ranges": "bytes",
        "aitbc-expires-at": format_time(view.expires_ms),
        # The name is the content's digest: what was fetched once never changes.
        "cache-control": "private, max-age=31536000, immutable",
        "content-disposition": f'attachment; filename="{view.digest.hex()}"',
        "content-length": str((part or whole).length),
        "etag": tag,
    }
    if part is not None:
        headers["content-range"] = f"bytes {part.first}-{part.last}/{view.size}"
    return Stream(
        read_range(stored.path, part or whole),
        media_type=OCTETS,
        status_code=200 if part is None else 206,
        headers=headers,
    )


@delete("/v1/artifacts/{artifact:str}", opt=declared(DELETE))
async def delete_artifact(request: HttpRequest, context: Given, artifact: FromPath[str]) -> None:
    """Keep a file no more."""
    await context.services.artifacts.delete(exchange_of(request).caller, parse_artifact(artifact))


@post("/v1/artifacts/uploads", opt=declared(BEGIN_UPLOAD))
async def begin_upload(request: HttpRequest, context: Given) -> Response[bytes]:
    """Announce a file that comes in pieces."""
    wanted = typed(await read_object(request), UploadRequest)
    upload = await context.services.uploads.begin(
        exchange_of(request).caller, parse_artifact(wanted.artifact), wanted.size
    )
    headers = location(request, f"/v1/artifacts/uploads/{upload.upload_id}")
    return answer(request, upload_view(upload), status=201, headers=headers)


@get("/v1/artifacts/uploads/{upload_id:str}", opt=declared(GET_UPLOAD))
async def get_upload(
    request: HttpRequest, context: Given, upload_id: FromPath[str]
) -> Response[bytes]:
    """Return how far an upload is."""
    upload = await context.services.uploads.get(exchange_of(request).caller, upload_id)
    return answer(request, upload_view(upload))


@patch("/v1/artifacts/uploads/{upload_id:str}", opt=declared(APPEND))
async def append_piece(
    request: HttpRequest, context: Given, upload_id: FromPath[str]
) -> Response[bytes]:
    """Take a piece."""
    offset = number_parameter(request, "offset", default=0, least=0, most=None)
    made = await context.services.uploads.append(
        exchange_of(request).caller, upload_id, offset, _pieces(request)
    )
    if not isinstance(made, ArtifactView):
        return answer(request, upload_view(made))
    view = artifact_view(made)
    headers = location(request, f"/v1/artifacts/{view.artifact}")
    return answer(request, view, status=201, headers=headers)


@delete("/v1/artifacts/uploads/{upload_id:str}", opt=declared(END_UPLOAD))
async def end_upload(request: HttpRequest, context: Given, upload_id: FromPath[str]) -> None:
    """Give an upload up."""
    await context.services.uploads.delete(exchange_of(request).caller, upload_id)


def _part(request: HttpRequest, size: int, tag: str) -> ByteRange | None:
    """Return the part of a file that a request asks for, None for the whole.

    Raises:
        RangeNotSatisfiable: the file has none of it.
    """
    header = request.headers.get("range")
    if header is None or request.headers.get("if-range", tag) != tag:
        return None
    try:
        return range_of(header, size)
    except RangeNotSatisfiable:
        exchange_of(request).headers["content-range"] = f"bytes */{size}"
        raise


async def _pieces(request: HttpRequest) -> AsyncIterator[bytes]:
    """Yield the body as it comes.

    Raises:
        BodyTooSlow: it comes slower than `Pace` allows.
        BodyIncomplete: the caller went away.
    """
    stream, pace, clock = aiter(read_chunks(request, None)), Pace(), asyncio.get_running_loop().time
    waited = 0.0
    while True:
        began = clock()
        try:
            async with asyncio.timeout(pace.patience):
                piece = await anext(stream, None)
        except TimeoutError:
            raise BodyTooSlow(round(waited + clock() - began)) from None
        if piece is None:
            return
        seconds = clock() - began
        waited += seconds
        pace.took(seconds, len(piece))
        yield piece


HANDLERS: Final = (
    upload_artifact,
    list_artifacts,
    download_artifact,
    delete_artifact,
    begin_upload,
    get_upload,
    append_piece,
    end_upload,
)
"""The routes of this slice."""
