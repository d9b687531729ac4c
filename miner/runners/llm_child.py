"""The process that holds a language model: ``python -m miner.runners.llm_child MODEL THREADS``.

It is apart from the miner because a fault in native code ends the process that it happens in.
Requests and answers are JSON, one a line. Answers go to the original standard output; whatever
the library prints itself goes to standard error.
"""

import json
import os
import sys
from typing import Any, TextIO

import xllamacpp

CONTEXT_TOKENS = 2_048
"""Context of the model in tokens; SmolLM2-135M was trained on this length."""


def main(arguments: list[str]) -> None:
    """Load the model, say ``{"ready": true}``, then answer requests until end of input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = _load(arguments[0], int(arguments[1]))
    _say(answers, {"ready": True})
    for line in sys.stdin:
        _answer(server, json.loads(line), answers)


def _load(model_file: str, threads: int) -> xllamacpp.Server:
    params = xllamacpp.CommonParams()
    params.model.path = model_file
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = threads
    return xllamacpp.Server(params)


def _answer(server: xllamacpp.Server, request: dict[str, Any], answers: TextIO) -> None:
    def on_chunk(chunk: dict[str, Any]) -> None:
        if "error" in chunk or "code" in chunk:
            _say(answers, _fault(chunk))
            return
        for choice in chunk.get("choices", ()):
            if text := choice.get("delta", {}).get("content"):
                _say(answers, {"text": text})
            if reason := choice.get("finish_reason"):
                _say(answers, {"finish_reason": str(reason)})
        if usage := chunk.get("usage"):
            _say(answers, {"usage": usage})

    body = request | {"stream": True, "stream_options": {"include_usage": True}}
    refused = server.handle_chat_completions(body, on_chunk)
    if isinstance(refused, dict):
        _say(answers, _fault(refused))
    _say(answers, {"done": True})


def _fault(answer: dict[str, Any]) -> dict[str, Any]:
    error = answer.get("error", answer)
    return {"error": str(error.get("message", error)), "type": str(error.get("type", ""))}


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
