"""From a job's result to the answer of a chat. What the miner says of itself is checked first."""

from coordinator.chat.model import ChatAnswer, ChatOrder, FinishReason, Usage
from coordinator.chat.schemas import (
    AnswerMessage,
    ChatChoice,
    ChatCompletion,
    ChatProof,
    ChatUsage,
)
from coordinator.jobs.model import JobView
from coordinator.presenters.results import output_text
from coordinator.values import JsonValue
from coordinator.wire import job_text, receipt_text
from ledger.types import Hash

TOKENS_MAX = 10**9
"""Larger counts are no counts."""


def answer_of(order: ChatOrder, job: JobView) -> ChatAnswer:
    """Return the answer that a completed job holds."""
    assert job.result is not None, "a completed job whose result was asked for has it"
    metadata = job.result.metadata
    usage = _usage(metadata)
    ran = metadata.get("model")
    return ChatAnswer(
        job_id=job.job_id,
        created_ms=job.requested_ms,
        model=order.spec.model,
        text=output_text(job.result),
        finish_reason=_finish_reason(metadata, usage, order.max_tokens),
        usage=usage,
        ran=ran if isinstance(ran, str) else order.spec.model,
        miner="" if job.miner is None else job.miner.name,
        receipt_id=job.receipt_id,
    )


def completion_id(job_id: Hash) -> str:
    """Return the id of a completion on the wire."""
    return f"chatcmpl-{job_id.hex()}"


def whole(answer: ChatAnswer) -> ChatCompletion:
    """Return an answer on the wire."""
    choice = ChatChoice(
        message=AnswerMessage(content=answer.text),
        finish_reason=answer.finish_reason,
    )
    return ChatCompletion(
        id=completion_id(answer.job_id),
        created=answer.created_ms // 1_000,
        model=answer.model,
        choices=[choice],
        usage=usage_view(answer.usage),
        aitbc=proof(answer),
    )


def usage_view(usage: Usage | None) -> ChatUsage | None:
    """Return the usage on the wire."""
    if usage is None:
        return None
    return ChatUsage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
    )


def proof(answer: ChatAnswer) -> ChatProof:
    """Return where an answer comes from."""
    return ChatProof(
        job_id=job_text(answer.job_id),
        receipt_id=None if answer.receipt_id is None else receipt_text(answer.receipt_id),
        miner_id=answer.miner,
        model=answer.ran,
    )


def _usage(metadata: dict[str, JsonValue]) -> Usage | None:
    prompt, answer = metadata.get("prompt_tokens"), metadata.get("completion_tokens")
    if not _is_count(prompt) or not _is_count(answer):
        return None
    assert isinstance(prompt, int), "a count is one"
    assert isinstance(answer, int), "a count is one"
    return Usage(prompt, answer)


def _is_count(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= TOKENS_MAX


def _finish_reason(
    metadata: dict[str, JsonValue], usage: Usage | None, max_tokens: int
) -> FinishReason:
    match metadata.get("finish_reason"):
        case "stop":
            return "stop"
        case "length":
            return "length"
    return "length" if usage is not None and usage.completion_tokens >= max_tokens else "stop"
