"""What a runner is given, what it gives back, and how it may fail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aitbc import JsonValue


class BadInput(Exception):
    """The job cannot be done by anybody: it ends with a refund.

    Attributes:
        field: the input or parameter that is wrong.
        reason: what is wrong with it, for the client.
    """

    def __init__(self, field: str, reason: str) -> None:
        """Name the field and the reason."""
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NoSource(BadInput):
    """The job names a program that is not in the library, and brings none: it is refunded (S4)."""

    def __init__(self, entrypoint: str) -> None:
        """Name the file that there is no source for."""
        super().__init__("model", f"no source for {entrypoint}")

    def __str__(self) -> str:
        """Return the reason alone, which clients know."""
        return self.reason


class RunnerFailed(Exception):
    """This machine could not do it; another may. The job is released."""


class WorkCancelled(Exception):
    """The client cancelled, or the lease is lost: nothing is to be delivered."""


class Artifacts(Protocol):
    """Files that jobs refer to as ``sha256:…``."""

    def download(self, name: str, target: Path, bytes_max: int) -> None:
        """Fetch an artifact into `target` and check its digest.

        Raises:
            BadInput: there is none of that name, or it is too large.
        """

    def upload(self, path: Path) -> str:
        """Store a file and return its name."""


def _nobody_watches(_text: str) -> None:
    """Take text, and do nothing with it."""


@dataclass(frozen=True)
class Work:
    """One attempt at a job."""

    service: str
    """Service that is asked for."""
    model: str
    """Model that is asked for, an alias perhaps; empty when the service has none."""
    input: Mapping[str, Any]
    """Input as the client gave it; hostile until checked."""
    params: Mapping[str, Any]
    """Parameters as the client gave them; hostile until checked."""
    folder: Path
    """Empty folder of this attempt; removed afterwards."""
    artifacts: Artifacts
    """Where files come from and go to."""
    report_progress: Callable[[int], None]
    """Takes per cent, 0 to 100, as the tool itself reports."""
    is_cancelled: Callable[[], bool]
    """Whether to stop; asked several times a second."""
    report_text: Callable[[str], None] = _nobody_watches
    """Takes what was just added to the text, for those who watch; the result stays what `run`
    returns."""


@dataclass(frozen=True)
class Output:
    """The result of a job."""

    units_micro: int
    """Work done, in millionths of a unit."""
    unit_type: str
    """What is counted: tokens, video_seconds, …"""
    model: str = ""
    """Model that ran."""
    text: str | None = None
    """Text output."""
    json: JsonValue = None
    """Structured output."""
    artifacts: tuple[Mapping[str, Any], ...] = ()
    """Files: name, artifact, media type and size of each."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What else is worth knowing: engine, version, durations."""

    def document(self) -> dict[str, Any]:
        """Return the result document, whose canonical JSON the receipt commits to."""
        document: dict[str, Any] = {
            "artifacts": [dict(artifact) for artifact in self.artifacts],
            "metadata": dict(self.metadata),
        }
        if self.text is not None:
            document["text"] = self.text
        if self.json is not None:
            document["json"] = self.json
        return document


class Runner(Protocol):
    """Does the jobs of one service with one piece of real software."""

    service: str
    """Service id, such as ``llm_inference``."""

    @property
    def models(self) -> tuple[str, ...]:
        """Models that it runs; empty when the service has none."""

    def run(self, work: Work) -> Output:
        """Do the work.

        Raises:
            BadInput: nobody can do it.
            RunnerFailed: this machine could not.
            WorkCancelled: it was told to stop.
        """

    def close(self) -> None:
        """End child processes."""
