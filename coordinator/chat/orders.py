"""From a request in OpenAI's words to a job; nothing that would change the answer is ignored."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from coordinator.chat.errors import UnsupportedParameter
from coordinator.chat.model import ChatOrder
from coordinator.chat.schemas import ChatMessage, ChatRequest, TextPart
from coordinator.http.bodies import typed
from coordinator.http.faults import FieldInvalid
from coordinator.jobs.model import JobSpec
from coordinator.presenters.specs import LLM, LlmParams, amount_at
from coordinator.values import ApiVersion, JsonValue

VERSION: Final[ApiVersion] = "2026-05-11"
"""Version that the job is made in (V1)."""

TTL_S: Final = 300
"""Time to live without `ttl_seconds`: somebody waits."""

SEED_COUNT: Final = 2**31
"""Seeds that models take; others are taken modulo this."""

STOP_LENGTH_MAX: Final = 256
"""Characters of a text before which the answer ends."""

_SUPPORTED: Final[Mapping[str, tuple[object, ...]]] = {
    "n": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "store": (False,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
}
"""Parameters of which only what changes nothing is taken; null always is."""

_UNSUPPORTED: Final = (
    "audio",
    "moderation",
    "prediction",
    "reasoning_effort",
    "top_logprobs",
    "verbosity",
    "web_search_options",
)
"""Parameters of which only null is taken."""


def order_of(body: Mapping[str, object], seed: int) -> ChatOrder:
    """Return what a request asks for.

    Args:
        body: the request.
        seed: start of the random choices, if the request names none.

    Raises:
        UnsupportedParameter: a parameter would change something that cannot be changed.
        FieldInvalid: a field is missing, unknown, or not what it has to be.
    """
    for name in _UNSUPPORTED:
        if body.get(name) is not None:
            raise UnsupportedParameter(name, "is not supported here")
    for name, taken in _SUPPORTED.items():
        value = body.get(name)
        if value is not None and value not in taken:
            listed = " or ".join(repr(choice) for choice in taken)
            raise UnsupportedParameter(name, f"only {listed} is supported")
    known = {name: value for name, value in body.items() if name not in _UNSUPPORTED}
    request = typed(known, ChatRequest)
    params = _params(request, seed)
    options = request.stream_options
    return ChatOrder(
        spec=JobSpec(
            service=LLM,
            api_version=VERSION,
            model=request.model,
            input=_input(request.messages),
            params=params,
            shown_type=LLM,
            max_price=None
            if request.max_price is None
            else amount_at(request.max_price, "/max_price"),
            ttl_s=request.ttl_seconds or TTL_S,
        ),
        max_tokens=cast("int", params["max_tokens"]),
        is_streamed=bool(request.stream),
        with_usage=options is not None and bool(options.include_usage),
    )


def _params(request: ChatRequest, seed: int) -> dict[str, JsonValue]:
    limits = {request.max_tokens, request.max_completion_tokens} - {None}
    if len(limits) > 1:
        message = "is another than max_completion_tokens; give one of them"
        raise FieldInvalid("/max_tokens", message)
    default = LlmParams()
    params: dict[str, JsonValue] = {
        "max_tokens": limits.pop() if limits else default.max_tokens,
        "temperature": default.temperature if request.temperature is None else request.temperature,
        "top_p": default.top_p if request.top_p is None else request.top_p,
        "seed": (seed if request.seed is None else request.seed) % SEED_COUNT,
    }
    stops = [request.stop] if isinstance(request.stop, str) else request.stop or []
    for place, stop in enumerate(stops):
        if not 1 <= len(stop) <= STOP_LENGTH_MAX:
            message = f"must have 1 to {STOP_LENGTH_MAX} characters"
            raise FieldInvalid(f"/stop/{place}", message)
    if stops:
        params["stop"] = [*stops]
    return params


def _input(messages: Sequence[ChatMessage]) -> dict[str, JsonValue]:
    """Return the chat, and the same as one text for miners that know only prompts."""
    chat: list[JsonValue] = []
    lines: list[str] = []
    for place, message in enumerate(messages):
        role = "system" if message.role == "developer" else message.role
        content = _content(message.content, f"/messages/{place}/content")
        chat.append({"role": role, "content": content})
        lines.append(f"{role}: {content}")
    only = messages[0].role == "user" and len(messages) == 1
    prompt = _content(messages[0].content, "/messages/0/content") if only else "\n\n".join(lines)
    return {"messages": chat, "prompt": prompt}


def _content(content: str | list[TextPart], pointer: str) -> str:
    if isinstance(content, str):
        return content
    for place, part in enumerate(content):
        if part.type != "text":
            raise FieldInvalid(f"{pointer}/{place}/type", "only text is understood", "UNSUPPORTED")
    return "".join(part.text for part in content)
