"""Routes of how miners stand: heartbeat and drain."""

from typing import Final

from litestar import Response, post

from coordinator.errors import MinerNotFound
from coordinator.http import (
    Answer,
    HttpRequest,
    Operation,
    Policy,
    answer,
    declared,
    exchange_of,
    same,
)
from coordinator.http.bodies import read_object, typed
from coordinator.http.context import Given
from coordinator.http.operation import MINER
from coordinator.leases.standing_schemas import (
    DrainRequest,
    MinerHeartbeatRequest,
    MinerState,
    miner_state,
)

HEARTBEAT: Final = Operation(
    summary="Say that a miner is there",
    tag="Miners",
    access=MINER,
    policy=Policy.MINERS,
    takes_key=False,
    description="Answers what the miner holds. Each lease is kept by heartbeats of its own.",
    body=same(MinerHeartbeatRequest),
    answers={200: Answer("How the miner stands", same(MinerState))},
    errors=(MinerNotFound,),
)

DRAIN: Final = Operation(
    summary="Drain a miner",
    tag="Miners",
    access=MINER,
    policy=Policy.MINERS,
    takes_key=False,
    description="The miner takes no further jobs, and ends those that it holds. With "
    "`draining: false`, or by registering again, it takes jobs again.",
    body=same(DrainRequest),
    answers={200: Answer("How the miner stands", same(MinerState))},
    errors=(MinerNotFound,),
)


@post("/v1/miners/heartbeat", status_code=200, opt=declared(HEARTBEAT))
async def miner_heartbeat(request: HttpRequest, context: Given) -> Response[bytes]:
    """Note that a miner is there."""
    beat = typed(await read_object(request), MinerHeartbeatRequest)
    standings = context.services.leases.standings
    standing = await standings.heartbeat(exchange_of(request).caller, beat.miner_id)
    return answer(request, miner_state(standing))


@post("/v1/miners/drain", status_code=200, opt=declared(DRAIN))
async def drain_miner(request: HttpRequest, context: Given) -> Response[bytes]:
    """Let a miner take no further jobs, or take jobs again."""
    wanted = typed(await read_object(request), DrainRequest)
    standing = await context.services.leases.standings.drain(
        exchange_of(request).caller, wanted.miner_id, is_draining=wanted.draining
    )
    return answer(request, miner_state(standing))


HANDLERS: Final = (miner_heartbeat, drain_miner)
"""The routes of this module."""
