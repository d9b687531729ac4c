"""`aitbc job`: order compute and read what came of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from aitbc import Answer, Client, JsonValue
from cli.amounts import parse_aitbc
from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.dispute import dispute
from cli.exits import CommandFailed, Exit
from cli.group import AsJson, command_group

app = command_group("Order compute and read the results.")
app.command()(dispute)

LLM_SERVICE = "llm_inference"

EXPIRY_MARGIN_S = 30.0
"""Time for the block that expires a job: the receipt's grace beyond the deadline, and some more."""

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job, job_…")]
Seconds = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.0, max=86_400.0)]


@app.command()
def submit(
    *,
    prompt: Annotated[str | None, typer.Argument(help="Prompt for a language model.")] = None,
    model: Annotated[str | None, typer.Option(help="Model that shall answer.")] = None,
    service: Annotated[str, typer.Option(help="Service to order.")] = LLM_SERVICE,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Input of the service; repeat it for several."),
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Input that is a file; it is uploaded first."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Parameter such as max_tokens=64."),
    ] = None,
    max_price: Annotated[
        str | None,
        typer.Option(metavar="AITBC", help="Most to pay.", show_default="the service's own"),
    ] = None,
    ttl: Annotated[
        int, typer.Option(metavar="SECONDS", min=1, max=86_400, help="Refunded if not done then.")
    ] = 900,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and print it.")] = False,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Order a job; prints its id, or its result with --wait.

    aitbc job submit "Why is the sky blue?" --model llama3.2 --wait

    aitbc job submit --service ffmpeg_transcode --file input_url=clip.mov --field output_format=mp4
    """
    if max_price is not None:
        parse_aitbc(max_price, "--max-price")
    with node_client(node, api_key_file) as client:
        payload = _payload(prompt, model, service, field or ())
        for name, path in _pairs("--file", file or ()):
            payload[name] = f"artifact:{_uploaded(client, Path(path))}"
        if parameter:
            payload["parameters"] = {
                name: _value(text) for name, text in _pairs("--parameter", parameter)
            }
        job = client.submit_job(payload, ttl_seconds=ttl, payment_amount=max_price)
        if wait:
            # A job that is not done in time is expired by the chain, some moments after its time.
            result = client.get_job_result(job["job_id"], ttl + EXPIRY_MARGIN_S)
            _show_result(job["job_id"], result, as_json=as_json)
        elif as_json:
            print(json.dumps(job))
        else:
            print(job["job_id"])


@app.command()
def get(
    job: JobId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Print a job's state."""
    with node_client(node, api_key_file) as client:
        _show(client.get_job(job), as_json=as_json)


@app.command()
def wait(
    job: JobId,
    node: NodeUrl = NODE_DEFAULT,
    timeout: Seconds = 300.0,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Wait until a job has ended; ends with 1 if it ended without a result."""
    with node_client(node, api_key_file) as client:
        ended = client.wait_for_job(job, timeout)
    _show(ended, as_json=as_json)
    if ended["state"] != "COMPLETED":
        raise typer.Exit(Exit.REFUSED)


@app.command()
def result(
    job: JobId,
    node: NodeUrl = NODE_DEFAULT,
    timeout: Seconds = 300.0,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Wait for a job and print its result."""
    with node_client(node, api_key_file) as client:
        _show_result(job, client.get_job_result(job, timeout), as_json=as_json)


@app.command()
def cancel(
    job: JobId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a job; answers when that is final."""
    with node_client(node, api_key_file) as client:
        _show(client.cancel_job(job), as_json=as_json)


def _payload(
    prompt: str | None, model: str | None, service: str, fields: Sequence[str]
) -> dict[str, JsonValue]:
    if service == LLM_SERVICE and prompt is None:
        raise CommandFailed('a language model needs a prompt: aitbc job submit "…"')
    payload: dict[str, JsonValue] = {"service": service}
    payload |= {name: _value(text) for name, text in _pairs("--field", fields)}
    if prompt is not None:
        payload["prompt"] = prompt
    if model is not None:
        payload["model"] = model
    return payload


def _pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CommandFailed(f"{option} {text}: must be NAME=VALUE")
        pairs.append((name, value))
    return pairs


def _value(text: str) -> JsonValue:
    """Return the number, flag or null that a text is in JSON, else the text."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | None) else text


def _uploaded(client: Client, path: Path) -> str:
    try:
        return client.upload_artifact(path)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}") from None


def _show(job: Answer, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(job))
        return
    for name, value in job.items():
        if value is not None:
            print(f"{name.replace('_', ' '):<18} {value}")


def _show_result(job_id: str, answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"job_id": job_id, **answer}))
    else:
        print(answer["result"]["output"])
