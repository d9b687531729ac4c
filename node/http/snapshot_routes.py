"""Routes of snapshots: which there are, and their parts as files (S9)."""

from typing import TypeAlias

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation
from litestar.response import File

from coordinator.errors import NotFound
from coordinator.http import PUBLIC, Answer, HttpRequest, Operation, answer, declared, same
from ledger.types import Height
from node.http.chain_bodies import MESSAGEPACK
from node.http.chain_routes import TAG
from node.snapshots import SnapshotKeeper

Keeper: TypeAlias = NamedDependency[SkipValidation[SnapshotKeeper]]
"""Type of the parameter `keeper` of a handler."""


class SnapshotNotFound(NotFound):
    """No snapshot of that height, or no part of that name."""

    code = "SNAPSHOT_NOT_FOUND"
    text = "No such snapshot"


class SnapshotsView(msgspec.Struct, frozen=True):
    """The snapshots that this node serves."""

    heights: tuple[Height, ...]
    """Heights of their heads, newest first; each is under ``/v1/chain/snapshots/{height}``."""


LIST = Operation(
    summary="Snapshots that this node serves",
    tag=TAG,
    access=PUBLIC,
    description="A new node starts from one with `aitbc node snapshot import`.",
    answers={200: Answer("Their heights", same(SnapshotsView))},
)
PART = Operation(
    summary="A part of a snapshot",
    tag=TAG,
    access=PUBLIC,
    description="`manifest.bin` names the others. Whoever reads one checks it from the genesis.",
    answers={200: Answer("The bytes", media_type=MESSAGEPACK)},
    errors=(SnapshotNotFound,),
)


@get("/v1/chain/snapshots", opt=declared(LIST), sync_to_thread=True)
def chain_snapshots(request: HttpRequest, keeper: Keeper) -> Response[bytes]:
    """Answer with the heights of the snapshots."""
    return answer(request, SnapshotsView(heights=tuple(keeper.heights())))


@get("/v1/chain/snapshots/{height:int}/{part:str}", opt=declared(PART), sync_to_thread=True)
def chain_snapshot_part(height: FromPath[int], part: FromPath[str], keeper: Keeper) -> File:
    """Answer with a part's file."""
    path = keeper.part(height, part)
    if path is None:
        raise SnapshotNotFound
    return File(path, filename=part, media_type=MESSAGEPACK)


def snapshot_handlers(keeper: SnapshotKeeper) -> list[Router]:
    """Return the routes of snapshots.

    Args:
        keeper: knows what there is.
    """
    return [
        Router(
            path="/",
            route_handlers=[chain_snapshots, chain_snapshot_part],
            dependencies={"keeper": Provide(lambda: keeper, sync_to_thread=False)},
        )
    ]
