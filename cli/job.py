"""`aitbc job`: order compute and read what came of it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from aitbc import Answer
from cli.amounts import parse_aitbc
from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.dispute import dispute
from cli.exits import Exit
from cli.group import AsJson, command_group
from cli.job_inputs import LLM_SERVICE, named, pairs_of, parameters_of, payload_of, uploaded
from cli.job_options import (
    EXPIRY_MARGIN_S,
    Fields,
    JobId,
    MaxPrice,
    Model,
    Parameters,
    Prompt,
    Seconds,
    Service,
    Strict,
    TimeToLive,
)
from cli.job_receipt import receipt
from cli.job_stream import run, stream
from cli.output import show, show_table

app = command_group("Order compute and read the results.")
app.command()(run)
app.command()(stream)
app.command()(receipt)
app.command()(dispute)


@app.command()
def submit(
    *,
    prompt: Prompt = None,
    model: Model = None,
    service: Service = LLM_SERVICE,
    field: Fields = None,
    file: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Input that is a file; it is uploaded first."),
    ] = None,
    parameter: Parameters = None,
    max_price: MaxPrice = None,
    ttl: TimeToLive = 900,
    hold: Annotated[bool, typer.Option("--hold", help="Keep it for `aitbc offer accept`.")] = False,
    offer: Annotated[
        str | None, typer.Option(metavar="OFFER", help="Accept this offer with it.")
    ] = None,
    dispute_window: Annotated[
        int,
        typer.Option(metavar="SECONDS", min=0, help="Time to look before the receipt settles."),
    ] = 0,
    strict: Strict = False,
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
        payload = payload_of(prompt, model, service, field or ())
        for name, path in pairs_of("--file", file or ()):
            payload[name] = f"artifact:{uploaded(client, Path(path))}"
        payload |= parameters_of(parameter or ())
        job = client.submit_job(
            payload,
            ttl_seconds=ttl,
            payment_amount=max_price,
            hold=hold,
            offer_id=offer,
            dispute_window_seconds=dispute_window,
            strict=strict,
        )
        if wait:
            # A job that is not done in time is expired by the chain, some moments after its time.
            result = client.get_job_result(job["job_id"], ttl + EXPIRY_MARGIN_S)
            _show_result(job["job_id"], result, as_json=as_json)
        elif as_json:
            print(json.dumps(job))
        else:
            print(job["job_id"])


@app.command()
def quote(
    *,
    prompt: Prompt = None,
    model: Model = None,
    service: Service = LLM_SERVICE,
    field: Fields = None,
    file: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Input that is a file; it is not uploaded."),
    ] = None,
    parameter: Parameters = None,
    max_price: MaxPrice = None,
    ttl: TimeToLive = 900,
    offer: Annotated[
        str | None, typer.Option(metavar="OFFER", help="Quote for this offer.")
    ] = None,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what a job would come to now: price, miners, times; orders nothing.

    aitbc job quote "Why is the sky blue?" --model llama3.2 --max-price 0.2

    aitbc job quote --service ffmpeg_transcode --file input_url=clip.mov --field output_format=mp4
    """
    if max_price is not None:
        parse_aitbc(max_price, "--max-price")
    payload = payload_of(prompt, model, service, field or ()) | parameters_of(parameter or ())
    for name, path in pairs_of("--file", file or ()):
        payload[name] = f"artifact:{named(Path(path))}"
    with node_client(node, api_key_file) as client:
        quoted = client.quote_job(
            payload, ttl_seconds=ttl, payment_amount=max_price, offer_id=offer
        )
        show(quoted, as_json=as_json)


@app.command("list")
def list_jobs(
    *,
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most jobs.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="How many to skip.")] = 0,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """List your jobs, newest first.

    aitbc job list --state completed --limit 5
    """
    with node_client(node, api_key_file) as client:
        page = client.list_jobs(state=state, limit=limit, offset=offset)
    columns = ("job_id", "state", "requested_at", "assigned_miner_id")
    show_table(page["jobs"], columns, as_json=as_json, none="no jobs")


@app.command()
def get(
    job: JobId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Print a job's state."""
    with node_client(node, api_key_file) as client:
        show(client.get_job(job), as_json=as_json)


@app.command()
def wait(
    job: JobId,
    node: NodeUrl = NODE_DEFAULT,
    timeout: Seconds = 300.0,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Wait until a job has ended; ends with 7 without a result, with 8 if time is over."""
    with node_client(node, api_key_file) as client:
        ended = client.wait_for_job(job, timeout)
    show(ended, as_json=as_json)
    if ended["state"] != "COMPLETED":
        raise typer.Exit(Exit.NO_RESULT)


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
        show(client.cancel_job(job), as_json=as_json)


@app.command()
def accept(
    job: JobId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Accept a job's receipt before its dispute window is over; answers when that is final."""
    with node_client(node, api_key_file) as client:
        show(client.accept_receipt(job), as_json=as_json)


def _show_result(job_id: str, answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"job_id": job_id, **answer}))
    else:
        print(answer["result"]["output"])
