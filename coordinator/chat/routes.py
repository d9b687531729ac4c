"""Routes that OpenAI's clients call."""

from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from coordinator.chat.answers import whole
from coordinator.chat.errors import (
    ChatFailed,
    ChatInputRefused,
    ModelNotFound,
    UnsupportedParameter,
)
from coordinator.chat.model import ModelView
from coordinator.chat.orders import VERSION, order_of
from coordinator.chat.schemas import ChatCompletion, ChatRequest, Model, ModelList
from coordinator.chat.streaming import ChatStream
from coordinator.errors import (
    InsufficientBalance,
    JobCancelled,
    JobNotPossible,
    TooLarge,
    Unavailable,
)
from coordinator.events.errors import TooManyStreams
from coordinator.events.sse import EVENT_STREAM
from coordinator.events.streams import counted, who
from coordinator.http import (
    PUBLIC,
    Answer,
    HttpRequest,
    Operation,
    Policy,
    answer,
    declared,
    exchange_of,
    same,
)
from coordinator.http.bodies import read_object
from coordinator.http.context import Given
from coordinator.http.operation import CLIENT

COMPLETE: Final = Operation(
    summary="Answer a chat",
    tag="Chat",
    access=CLIENT,
    policy=Policy.SUBMIT,
    is_openai=True,
    description="As OpenAI's clients call it; errors have OpenAI's shape too. The answer is a job: "
    "it is paid from escrow, and its receipt commits to the answer. docs/chat.md says which "
    "parameters are supported, ignored and refused, and what a stream that breaks leaves.",
    body=same(ChatRequest),
    answers={
        200: Answer(
            "The answer; with `stream` its pieces as server-sent events",
            same(ChatCompletion),
            alternatives=(EVENT_STREAM,),
        )
    },
    errors=(
        UnsupportedParameter,
        ChatInputRefused,
        InsufficientBalance,
        ModelNotFound,
        JobCancelled,
        JobNotPossible,
        TooLarge,
        TooManyStreams,
        ChatFailed,
        Unavailable,
    ),
)

LIST: Final = Operation(
    summary="List the models that can be asked for",
    tag="Chat",
    access=PUBLIC,
    is_openai=True,
    description="Names that registered miners answer for: models, and aliases of models.",
    answers={200: Answer("The names", same(ModelList))},
)

GET: Final = Operation(
    summary="Get a model that can be asked for",
    tag="Chat",
    access=PUBLIC,
    is_openai=True,
    answers={200: Answer("The name", same(Model))},
    errors=(ModelNotFound,),
)


@post("/v1/chat/completions", status_code=200, opt=declared(COMPLETE))
async def complete_chat(request: HttpRequest, context: Given) -> Response[bytes] | Stream:
    """Answer a chat."""
    exchange, chat = exchange_of(request), context.services.chat
    exchange.by_object(VERSION)
    principal = exchange.caller
    order = order_of(await read_object(request), chat.seed())
    # Taken before there is a job: who finds no place pays for nothing.
    with context.services.events.places.take(*who(request)) as place:
        job = await chat.begin(principal, order, exchange.claim)
        # From here on another try is another job, and paid again: that is for a person to decide.
        exchange.headers["x-should-retry"] = "false"
        if not order.is_streamed:
            return answer(request, whole(await chat.answer(principal, order, job.job_id)))
        stream = ChatStream(order, job, exchange.request_id)
        pieces = stream.pieces(chat.stream(principal, order, job.job_id))
        return Stream(
            counted(place.pop_all(), pieces),
            media_type=EVENT_STREAM,
            headers={"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"},
        )


@get("/v1/models", opt=declared(LIST))
async def list_models(request: HttpRequest, context: Given) -> Response[bytes]:
    """List the models."""
    models = await context.services.chat.models.list()
    return answer(request, ModelList(data=[_model(model) for model in models]))


@get("/v1/models/{model:path}", opt=declared(GET))
async def get_model(request: HttpRequest, context: Given, model: FromPath[str]) -> Response[bytes]:
    """Return a model; its name may hold slashes."""
    found = await context.services.chat.models.get(model.removeprefix("/"))
    return answer(request, _model(found))


def _model(model: ModelView) -> Model:
    return Model(
        id=model.name,
        created=model.since_ms // 1_000,
        alias_of=model.alias_of,
        miners=model.miners,
    )


HANDLERS: Final = (complete_chat, list_models, get_model)
"""The routes of this slice."""
