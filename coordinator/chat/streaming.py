"""A chat completion piece by piece, in the format of OpenAI's streams."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import msgspec

from coordinator.chat.answers import completion_id, proof, usage_view
from coordinator.chat.model import ChatAnswer, ChatOrder
from coordinator.chat.schemas import ChatChunk, ChatUsage, ChunkChoice, ChunkDelta
from coordinator.errors import CoordinatorError
from coordinator.events.sse import comment
from coordinator.http.error_body import Error
from coordinator.http.errors import status_of
from coordinator.http.openai_errors import openai_error
from coordinator.jobs.model import JobView

DONE: Final = b"data: [DONE]\n\n"
"""The end of every stream that did not fail."""

_ENCODER: Final = msgspec.json.Encoder()


class ChatStream:
    """Writes the pieces of one completion."""

    def __init__(self, order: ChatOrder, job: JobView, request_id: str) -> None:
        """Prepare.

        Args:
            order: what is asked for.
            job: the job that it is.
            request_id: names the request in an error.
        """
        self._order = order
        self._id = completion_id(job.job_id)
        self._created = job.requested_ms // 1_000
        self._request_id = request_id

    async def pieces(
        self, steps: AsyncGenerator[str | ChatAnswer | None, None]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of the stream.

        Args:
            steps: of `ChatService.stream`.
        """
        yield self._piece(ChunkDelta(role="assistant", content=""))
        try:
            async with aclosing(steps):
                async for step in steps:
                    if step is None:
                        yield comment("still there")
                    elif isinstance(step, str):
                        yield self._piece(ChunkDelta(content=step))
                    else:
                        for piece in self._end(step):
                            yield piece
        except CoordinatorError as error:
            yield self._error(error)

    def _end(self, answer: ChatAnswer) -> list[bytes]:
        choice = ChunkChoice(delta=ChunkDelta(), finish_reason=answer.finish_reason)
        chunk = msgspec.structs.replace(self._chunk([choice]), aitbc=proof(answer))
        ended = [_data(chunk)]
        if self._order.with_usage:
            ended.append(_data(self._chunk([], usage_view(answer.usage))))
        return [*ended, DONE]

    def _piece(self, delta: ChunkDelta) -> bytes:
        return _data(self._chunk([ChunkChoice(delta=delta)]))

    def _chunk(self, choices: list[ChunkChoice], usage: ChatUsage | None = None) -> ChatChunk:
        return ChatChunk(
            id=self._id,
            created=self._created,
            model=self._order.spec.model,
            choices=choices,
            usage=usage if self._order.with_usage else msgspec.UNSET,
        )

    def _error(self, error: CoordinatorError) -> bytes:
        """Return what ends a stream that cannot be finished: its status was sent long ago."""
        body = Error(detail=error.detail, error_code=error.code, request_id=self._request_id)
        return _data(openai_error(status_of(type(error)), body))


def _data(value: msgspec.Struct) -> bytes:
    return b"data: " + _ENCODER.encode(value) + b"\n\n"
