"""Errors of chat completions, one class per rule; they join the tree of `coordinator.errors`.

InvalidRequest
├── UnsupportedParameter   a parameter of OpenAI's that nothing here does
└── ChatInputRefused       a miner found that the input cannot be answered
NotFound ── ModelNotFound  no registered miner answers for the model
Unavailable ── ChatFailed  the job ended without an answer; it was refunded
"""

from coordinator.errors import FieldFault, InvalidRequest, NotFound, Unavailable


class UnsupportedParameter(InvalidRequest):
    """A parameter that OpenAI has, with a value that would change something."""

    code = "UNSUPPORTED_PARAMETER"

    def __init__(self, parameter: str, message: str) -> None:
        """Name the parameter and what it may be."""
        fault = FieldFault(f"/{parameter}", "UNSUPPORTED", message)
        super().__init__(f"{parameter}: {message}", (fault,))


class ChatInputRefused(InvalidRequest):
    """A miner found that the messages cannot be answered, by anybody."""

    code = "BAD_INPUT"


class ModelNotFound(NotFound):
    """No registered miner answers for the model."""

    code = "MODEL_NOT_FOUND"

    def __init__(self, model: str) -> None:
        """Name the model and where those are listed that there are."""
        super().__init__(f"No miner answers for the model {model!r}; GET /v1/models lists them")


class ChatFailed(Unavailable):
    """The job ended without an answer, and was refunded."""

    def __init__(self, code: str, reason: str) -> None:
        """State the job's own code and reason."""
        super().__init__(reason)
        self.job_code = code

    @property
    def detail(self) -> str:
        """The text for the caller."""
        return f"The job ended without an answer ({self.job_code}): {self}"


class TextDiverged(ChatFailed):
    """Another attempt answered otherwise than what was streamed already."""

    def __init__(self) -> None:
        """State where the whole answer is."""
        reason = "another miner took over and answered otherwise; the job has the whole answer"
        super().__init__("TEXT_DIVERGED", reason)
