"""`aitbc job run` and `aitbc job stream`: a job as it happens, its text as it comes."""

import json
import sys
from typing import Annotated

import typer

from aitbc import Client
from aitbc.answers import JobEvent
from cli.amounts import parse_aitbc
from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.job_inputs import LLM_SERVICE, parameters_of, payload_of
from cli.job_options import (
    EXPIRY_MARGIN_S,
    JobId,
    MaxPrice,
    Model,
    Parameters,
    Seconds,
    Strict,
    TimeToLive,
)

AsJsonLines = Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")]


def run(
    *,
    prompt: Annotated[str, typer.Argument(help="Prompt for a language model.")],
    model: Model = None,
    parameter: Parameters = None,
    max_price: MaxPrice = None,
    ttl: TimeToLive = 900,
    strict: Strict = False,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJsonLines = False,
) -> None:
    """Order text and print it as it comes; what is printed last is what the receipt commits to.

    aitbc job run "Why is the sky blue?" --model llama3.2 --parameter max_tokens=64
    """
    if max_price is not None:
        parse_aitbc(max_price, "--max-price")
    payload = payload_of(prompt, model, LLM_SERVICE, ()) | parameters_of(parameter or ())
    with node_client(node, api_key_file) as client:
        job = client.submit_job(payload, ttl_seconds=ttl, payment_amount=max_price, strict=strict)
        print(f"{job['job_id']}", file=sys.stderr)
        _follow(client, job["job_id"], ttl + EXPIRY_MARGIN_S, as_json=as_json)


def stream(
    *,
    job: JobId,
    timeout: Seconds = 300.0,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJsonLines = False,
) -> None:
    """Print a job's text as it comes, and what it came to; with --json each event.

    aitbc job stream job_… --json
    """
    with node_client(node, api_key_file) as client:
        _follow(client, job, timeout, as_json=as_json)


def _follow(client: Client, job_id: str, timeout_s: float, *, as_json: bool) -> None:
    """Print a job's events until its end, then its result if that was not said already.

    Raises:
        JobFailed: it ended without a result.
        JobTimeout: it has not ended in time.
    """
    said = _Said()
    for event in client.stream_job(job_id, timeout_s):
        if as_json:
            print(json.dumps(event), flush=True)
        elif event.event == "text":
            said.add(event)
    result = client.get_job_result(job_id, timeout_s)
    if as_json:
        print(json.dumps({"event": "result", "job_id": job_id, **result}))
    else:
        said.end(str(result["result"]["output"]))


class _Said:
    """What was printed of a job's text."""

    def __init__(self) -> None:
        self._attempt = 0
        self._text = ""

    def add(self, event: JobEvent) -> None:
        """Print a piece; what an attempt before said is void."""
        if self._text and event.attempt != self._attempt:
            print(f"\n[attempt {event.attempt} begins anew]", file=sys.stderr)
            self._text = ""
        self._attempt = event.attempt
        self._text += event.text or ""
        print(event.text, end="", flush=True)

    def end(self, output: str) -> None:
        """Print the result, as far as it was not printed."""
        if self._text and not output.startswith(self._text):
            print("\n[the result is another text]", file=sys.stderr)
            self._text = ""
        print(output.removeprefix(self._text))
