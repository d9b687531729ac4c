"""Chat completions: an order becomes a job, and the job's text and result become the answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import structlog

from coordinator.chat.answers import answer_of
from coordinator.chat.continuing import GrowingText
from coordinator.chat.errors import ChatFailed, ChatInputRefused, TextDiverged
from coordinator.chat.model import ChatAnswer, ChatOrder
from coordinator.chat.models import Models
from coordinator.clients.model import Principal
from coordinator.core import Core
from coordinator.errors import CoordinatorError, InvalidApiKey, JobCancelled, Unavailable
from coordinator.events.feed import Idle, StateChange
from coordinator.events.texts import Passage
from coordinator.idempotency import Claim
from coordinator.jobs.model import JobPhase, JobView
from coordinator.jobs.service import JobService
from coordinator.leases.roster import Roster
from ledger.types import Hash

_log = structlog.get_logger("coordinator.chat")

KEEP_ALIVE_S: Final = 15.0
"""Longest silence of a stream."""

SEED_BYTES: Final = 4

_INPUT_FAULTS: Final = frozenset({"BAD_INPUT"})
"""Codes of jobs that nobody can do."""


class ChatService:
    """Answers chats."""

    def __init__(self, core: Core, jobs: JobService, roster: Roster) -> None:
        """Stand on the core and on jobs."""
        self._core = core
        self._jobs = jobs
        self.models = Models(core.database, roster)
        """What can be asked for."""
        self._cancelling: set[asyncio.Task[None]] = set()

    def seed(self) -> int:
        """Return a start of random choices for an order that names none."""
        return int.from_bytes(self._core.random_bytes(SEED_BYTES), "big")

    async def begin(
        self, principal: Principal, order: ChatOrder, once: Claim | None = None
    ) -> JobView:
        """Submit the job of an order.

        Raises:
            ModelNotFound: no registered miner answers for the model.
            CoordinatorError: see `JobService.create`.
        """
        await self.models.check(order.spec.model)
        return await self._jobs.create(principal, order.spec, once=once, is_strict=True)

    async def answer(self, principal: Principal, order: ChatOrder, job_id: Hash) -> ChatAnswer:
        """Return the answer of a job, once it is there.

        Raises:
            ChatInputRefused, ChatFailed, JobCancelled: the job ended without one.
            Unavailable: the node stops.
        """
        async with aclosing(self._core.events.feed.follow(job_id, idle_s=KEEP_ALIVE_S)) as steps:
            async for step in steps:
                if isinstance(step, StateChange) and step.is_final:
                    return await self._result(principal, order, job_id)
        raise Unavailable("The node stops; the job goes on", 5)

    async def stream(
        self, principal: Principal, order: ChatOrder, job_id: Hash
    ) -> AsyncGenerator[str | ChatAnswer | None, None]:
        """Yield the text of a job as it comes, then its answer; None where nothing came for long.

        A reader that closes the generator before the job's end does not want it any more: the job
        is cancelled.

        Raises:
            InvalidApiKey: the caller's key was revoked, or is past its end.
            TextDiverged: the result is not what was yielded.
            ChatInputRefused, ChatFailed, JobCancelled: the job ended without an answer.
            Unavailable: the node stops.
        """
        text, is_wanted = GrowingText(), True
        feed = self._core.events.feed
        try:
            async with aclosing(feed.follow(job_id, with_text=True, idle_s=KEEP_ALIVE_S)) as steps:
                async for step in steps:
                    match step:
                        case Passage() if new := text.add(step.attempt, step.text):
                            yield new
                        case Idle():
                            if not await self._core.events.keys.is_live(principal):
                                raise InvalidApiKey("The key is no longer valid")
                            yield None
                        case StateChange() if step.is_final:
                            is_wanted = False
                            break
                        case _:
                            pass
            if is_wanted:
                is_wanted = False
                raise Unavailable("The node stops; the job goes on", 5)
        finally:
            if is_wanted:
                self._cancel_later(principal, job_id)
        answer = await self._result(principal, order, job_id)
        rest = text.finish(answer.text)
        if rest is None:
            raise TextDiverged
        if rest:
            yield rest
        yield answer

    async def stop(self) -> None:
        """End what still runs; jobs that were to be cancelled go on."""
        for task in self._cancelling:
            task.cancel()
        await asyncio.gather(*self._cancelling, return_exceptions=True)

    async def _result(self, principal: Principal, order: ChatOrder, job_id: Hash) -> ChatAnswer:
        job = await self._jobs.get(principal, job_id)
        if job.phase is JobPhase.COMPLETED:
            return answer_of(order, await self._jobs.result(principal, job_id))
        assert job.error is not None, "a job that ended without a result says why"
        if job.phase is JobPhase.CANCELLED:
            raise JobCancelled(job.error.message)
        if job.error.code in _INPUT_FAULTS:
            raise ChatInputRefused(job.error.message)
        raise ChatFailed(job.error.code, job.error.message)

    def _cancel_later(self, principal: Principal, job_id: Hash) -> None:
        """Cancel a job without making anybody wait; a reader went away."""
        task = asyncio.get_running_loop().create_task(self._cancel(principal, job_id))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def _cancel(self, principal: Principal, job_id: Hash) -> None:
        try:
            await self._jobs.cancel(principal, job_id)
        except CoordinatorError as error:
            # It ended meanwhile, or its client cannot pay the fee: then it goes on.
            _log.info("chat not cancelled", job_id=job_id.hex(), code=error.code)
