"""Chat completions and models on the wire, in OpenAI's words."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from coordinator.wire import AnyJson, Body, MoneyInput, View

Text = Annotated[str, Meta(max_length=262_144)]
"""Text of a message."""


class TextPart(Body, kw_only=True, frozen=True):
    """A part of a message; only text is understood."""

    type: str
    """`text`."""
    text: Text
    """The text."""


class ChatMessage(Body, kw_only=True, frozen=True):
    """A message of the chat so far."""

    role: Literal["system", "developer", "user", "assistant"]
    """Who said it; `developer` counts as `system`."""
    content: Text | list[TextPart]
    """What was said."""
    name: str | None = None
    """Ignored."""
    refusal: None = None
    """Null, as in our answers."""
    annotations: None = None
    """Null."""
    audio: None = None
    """Null."""
    function_call: None = None
    """Null."""
    tool_calls: None = None
    """Null."""


class StreamOptions(Body, kw_only=True, frozen=True):
    """How to stream."""

    include_usage: bool | None = None
    """Whether the last piece tells the usage."""
    include_obfuscation: bool | None = None
    """Ignored."""


class ChatRequest(Body, kw_only=True, frozen=True):
    """A chat completion that is asked for."""

    model: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._:/+-]{1,64}\Z")]
    """Name of a model of `/v1/models`."""
    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=1_024)]
    """The chat so far."""
    stream: bool | None = None
    """Whether to answer piece by piece, as server-sent events."""
    stream_options: StreamOptions | None = None
    """How to stream."""
    max_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Most tokens of the answer; 256 without it."""
    max_completion_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """The same by its newer name."""
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    """Randomness of the choice of tokens; 0.7 without it, 0 is greedy."""
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Share of probability that tokens are chosen from; 0.9 without it."""
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    """Start of the random choices, modulo 2^31; another one each time without it."""
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    """Texts before which the answer ends."""
    max_price: MoneyInput | None = None
    """Extension: most that the answer may cost; the service's default without it."""
    ttl_seconds: Annotated[int, Meta(ge=1, le=86_400)] | None = None
    """Extension: seconds until an unfinished job expires; 300 without it."""
    user: str | None = None
    """Ignored."""
    metadata: AnyJson = None
    """Ignored."""
    service_tier: str | None = None
    """Ignored."""
    safety_identifier: str | None = None
    """Ignored."""
    prompt_cache_key: str | None = None
    """Ignored."""
    prompt_cache_options: AnyJson = None
    """Ignored."""
    prompt_cache_retention: str | None = None
    """Ignored."""
    parallel_tool_calls: bool | None = None
    """Ignored: there are no tools."""
    n: AnyJson = None
    """1: more answers are more requests."""
    frequency_penalty: AnyJson = None
    """0."""
    presence_penalty: AnyJson = None
    """0."""
    logit_bias: AnyJson = None
    """Empty."""
    logprobs: AnyJson = None
    """False."""
    response_format: AnyJson = None
    """`{"type": "text"}`."""
    modalities: AnyJson = None
    """`["text"]`."""
    store: AnyJson = None
    """False: every job is kept for a while, and none for longer."""
    tools: AnyJson = None
    """Empty."""
    tool_choice: AnyJson = None
    """`none` or `auto`."""
    functions: AnyJson = None
    """Empty."""
    function_call: AnyJson = None
    """`none` or `auto`."""


class ChatUsage(View, kw_only=True, frozen=True):
    """Tokens, as the miner counted them."""

    prompt_tokens: int
    """Of the messages."""
    completion_tokens: int
    """Of the answer."""
    total_tokens: int
    """Of both."""


class ChatProof(View, kw_only=True, frozen=True):
    """Extension: where the answer comes from, and how to check it."""

    job_id: str
    """The job that it was."""
    receipt_id: str | None
    """The miner's signed receipt, which commits to the answer."""
    miner_id: str
    """Who answered."""
    model: str
    """Model that ran."""


class AnswerMessage(View, kw_only=True, frozen=True):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    """Who says it."""
    content: str
    """What is said."""
    refusal: None = None
    """Always null."""


class ChatChoice(View, kw_only=True, frozen=True):
    """The one answer."""

    index: int = 0
    """0."""
    message: AnswerMessage
    """What is said."""
    finish_reason: Literal["stop", "length"]
    """Why it ended."""
    logprobs: None = None
    """Always null."""


class ChatCompletion(View, kw_only=True, frozen=True):
    """A chat completion."""

    id: str
    """`chatcmpl-` and the digits of the job's id."""
    object: Literal["chat.completion"] = "chat.completion"
    """What it is."""
    created: int
    """When it was asked for, Unix seconds."""
    model: str
    """Model that was asked for."""
    choices: list[ChatChoice]
    """One."""
    usage: ChatUsage | None
    """Tokens; null where the miner did not count."""
    system_fingerprint: None = None
    """Always null."""
    aitbc: ChatProof
    """Where it comes from."""


class ChunkDelta(View, kw_only=True, frozen=True, omit_defaults=True):
    """What is new."""

    role: Literal["assistant"] | UnsetType = UNSET
    """Who says it; in the first piece."""
    content: str | UnsetType = UNSET
    """Text that goes on where the last piece ended."""


class ChunkChoice(View, kw_only=True, frozen=True):
    """The one answer, in pieces."""

    index: int = 0
    """0."""
    delta: ChunkDelta
    """What is new."""
    finish_reason: Literal["stop", "length"] | None = None
    """Why it ended; in the last piece."""
    logprobs: None = None
    """Always null."""


class ChatChunk(View, kw_only=True, frozen=True):
    """A piece of a chat completion."""

    id: str
    """As of a whole one."""
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    """What it is."""
    created: int
    """As of a whole one."""
    model: str
    """As of a whole one."""
    choices: list[ChunkChoice]
    """One; none in the piece that tells the usage."""
    usage: ChatUsage | UnsetType | None = UNSET
    """Tokens, in the last piece, if asked for; null in the others then."""
    aitbc: ChatProof | UnsetType = UNSET
    """Where it comes from; in the piece that ends the answer."""


class Model(View, kw_only=True, frozen=True):
    """A name of a model that can be asked for."""

    id: str
    """The name."""
    object: Literal["model"] = "model"
    """What it is."""
    created: int
    """When the first of its miners registered, Unix seconds."""
    owned_by: str = "aitbc"
    """Always `aitbc`."""
    alias_of: str | None
    """Extension: model that runs instead, where the name is an alias."""
    miners: int
    """Extension: registered miners that answer for it."""


class ModelList(View, kw_only=True, frozen=True):
    """The names of models that can be asked for."""

    object: Literal["list"] = "list"
    """What it is."""
    data: list[Model]
    """The names, in their order."""
