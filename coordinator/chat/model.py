"""What a chat asks for, and what it comes to."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from coordinator.jobs.model import JobSpec
from ledger.types import Hash, TimestampMs

FinishReason: TypeAlias = Literal["stop", "length"]
"""Why an answer ended: by itself, or because it was long enough."""


@dataclass(frozen=True, slots=True)
class ChatOrder:
    """A chat completion that is asked for."""

    spec: JobSpec
    """The job that it is."""
    max_tokens: int
    """Most tokens of the answer."""
    is_streamed: bool
    """Whether the answer is wanted piece by piece."""
    with_usage: bool
    """Whether a stream ends with the usage."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the miner counted them."""

    prompt_tokens: int
    """Of the messages."""
    completion_tokens: int
    """Of the answer."""


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """A chat completion."""

    job_id: Hash
    """The job that it was."""
    created_ms: TimestampMs
    """When the job was accepted."""
    model: str
    """Model that was asked for (S3)."""
    text: str
    """The answer, to which the receipt commits."""
    finish_reason: FinishReason
    """`stop` or `length`."""
    usage: Usage | None
    """Tokens; None where the miner did not say."""
    ran: str
    """Model that ran."""
    miner: str
    """Name of the miner."""
    receipt_id: Hash | None
    """Receipt of the job."""


@dataclass(frozen=True, slots=True)
class ModelView:
    """A name of a model that can be asked for."""

    name: str
    """The name."""
    alias_of: str | None
    """Model that runs instead, where the name is an alias (S3)."""
    miners: int
    """Registered miners that answer for it."""
    since_ms: TimestampMs
    """When the first of them registered."""
