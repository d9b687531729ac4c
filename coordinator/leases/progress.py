"""Text of an attempt under way, shown to those who watch; never the truth (see `events.texts`)."""

from typing import Annotated, Final

from litestar import Response, post
from litestar.params import FromPath
from msgspec import Meta

from coordinator.errors import JobNotFound, LeaseLost, MinerNotFound
from coordinator.events.texts import Passage
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
from coordinator.leases.schemas import AttemptNumber, MinerId
from coordinator.wire import Body, View, parse_job_id

TEXT_LENGTH_MAX: Final = 16_384
"""Characters of one message."""


class ProgressRequest(Body, kw_only=True, frozen=True):
    """A miner shows text while it works."""

    miner_id: MinerId
    """Who holds the lease."""
    attempt: AttemptNumber
    """The lease's attempt."""
    offset: Annotated[int, Meta(ge=0, le=2**31)]
    """Characters (Unicode code points) of the attempt's text before this."""
    text: Annotated[str, Meta(max_length=TEXT_LENGTH_MAX)]
    """The text from there on."""


class ProgressAnswer(View, kw_only=True, frozen=True):
    """Where to go on."""

    next_offset: int
    """Offset of the next text. Less than what was sent, if what came before is forgotten here."""


PROGRESS: Final = Operation(
    summary="Show text while working",
    tag="Miners",
    access=MINER,
    policy=Policy.MINER,
    takes_key=False,
    description="For those who watch the job: kept in memory, for a while, up to 262,144 "
    "characters of an attempt. What is there already is not added again. The result is what "
    "`complete` delivers, whatever was shown.",
    body=same(ProgressRequest),
    answers={200: Answer("Where to go on", same(ProgressAnswer))},
    errors=(JobNotFound, MinerNotFound, LeaseLost),
)


@post("/v1/jobs/{job_id:str}/progress", status_code=200, opt=declared(PROGRESS))
async def show_progress(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Take text of an attempt."""
    exchange = exchange_of(request)
    shown = typed(await read_object(request), ProgressRequest)
    subject = f"{exchange.caller.key_id}/{shown.miner_id.lower()}"
    await context.admission.count(exchange, Policy.MINER, subject)
    passage = Passage(shown.attempt, shown.offset, shown.text)
    next_offset = await context.services.leases.show(
        exchange.caller, shown.miner_id, parse_job_id(job_id), passage
    )
    return answer(request, ProgressAnswer(next_offset=next_offset))


HANDLERS: Final = (show_progress,)
"""The routes of this part of the slice."""
