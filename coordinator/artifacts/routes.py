"""Routes of artifacts: upload and download, streamed between network and disk."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import File

from coordinator.artifacts.schemas import Artifact, artifact_view
from coordinator.errors import ArtifactNotFound, TooLarge, TooManyRequests
from coordinator.http import (
    Answer,
    HttpRequest,
    Operation,
    answer,
    declared,
    exchange_of,
    location,
    same,
)
from coordinator.http.bodies import announced_bytes, read_chunks
from coordinator.http.context import Given
from coordinator.http.faults import BodyTooSlow
from coordinator.http.operation import ANY_KEY, CLIENT, MINER
from coordinator.wire import parse_artifact

OCTETS: Final = "application/octet-stream"

CHUNK_SECONDS_MAX: Final = 30
"""Between two pieces of an upload; a silent sender must not hold a connection for ever."""

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
    answers={200: Answer("The file", same(bytes), media_type=OCTETS)},
    errors=(ArtifactNotFound,),
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


@get("/v1/artifacts/{artifact:str}", opt=declared(DOWNLOAD))
async def download_artifact(request: HttpRequest, context: Given, artifact: FromPath[str]) -> File:
    """Send a file."""
    stored = await context.services.artifacts.open(
        exchange_of(request).caller, parse_artifact(artifact)
    )
    return File(
        path=stored.path,
        media_type=OCTETS,
        filename=stored.view.digest.hex(),
        content_disposition_type="attachment",
        # The name is the content's digest: what was fetched once never changes.
        headers={"cache-control": "private, max-age=31536000, immutable"},
    )


async def _pieces(request: HttpRequest) -> AsyncIterator[bytes]:
    """Yield the body as it comes.

    Raises:
        BodyTooSlow: nothing came for `CHUNK_SECONDS_MAX`.
        BodyIncomplete: the caller went away.
    """
    stream = aiter(read_chunks(request, None))
    while True:
        try:
            async with asyncio.timeout(CHUNK_SECONDS_MAX):
                piece = await anext(stream, None)
        except TimeoutError:
            raise BodyTooSlow(CHUNK_SECONDS_MAX) from None
        if piece is None:
            return
        yield piece


HANDLERS: Final = (upload_artifact, download_artifact)
"""The routes of this slice."""
