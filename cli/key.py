"""`aitbc key`: API keys of a client. Key files of the chain are `aitbc keys`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from aitbc.private_files import write_new_private
from cli.amounts import parse_aitbc
from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.exits import CommandFailed
from cli.group import AsJson, command_group
from cli.output import show, show_json, show_table

app = command_group("Make, rotate and revoke API keys.")

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Public part of the key.")]
OutFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="New private file for the key, for --api-key-file."),
]
Label = Annotated[str, typer.Option(help="What it is for.")]


@app.command()
def register(
    *,
    label: Label = "",
    out: OutFile = None,
    node: NodeUrl = NODE_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Register as a client; prints the first key, or writes it to a file.

    aitbc key register --label "my laptop" --out aitbc.key
    """
    _check_new(out)
    with node_client(node, None) as client:
        _show_new(client.me.register(label), out, as_json=as_json)


@app.command()
def create(
    *,
    label: Label = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="client, miner, read, wallet or admin; repeat it."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it ends.", show_default="never")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="AITBC", help="Most that its jobs and transfers may cost.")
    ] = None,
    period: Annotated[
        str, typer.Option(help="Whether the budget is for total, day or month.")
    ] = "total",
    out: OutFile = None,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make another key, with fewer rights or a budget of its own.

    aitbc key create --label ci --scope client --budget 5 --period day --out ci.key
    """
    if budget is not None:
        parse_aitbc(budget, "--budget")
    _check_new(out)
    with node_client(node, api_key_file) as client:
        made = client.keys.create(
            label=label,
            scopes=scope or None,
            expires_at=expires,
            budget=budget,
            budget_period=period,
        )
        _show_new(made, out, as_json=as_json)


@app.command("list")
def list_keys(
    node: NodeUrl = NODE_DEFAULT, api_key_file: ApiKeyFile = None, as_json: AsJson = False
) -> None:
    """List your keys, those that work first."""
    with node_client(node, api_key_file) as client:
        found = client.keys.list()
    columns = ("key_id", "label", "scopes", "created_at", "expires_at", "is_revoked")
    show_table(found, columns, as_json=as_json, none="no keys")


@app.command()
def rotate(
    *,
    key: KeyId,
    overlap: Annotated[
        int,
        typer.Option(metavar="SECONDS", min=0, help="How long the old key goes on working."),
    ] = 86_400,
    out: OutFile = None,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make the successor of a key: same rights, end, budget and limits.

    aitbc key rotate KEY --overlap 3600 --out new.key
    """
    _check_new(out)
    with node_client(node, api_key_file) as client:
        _show_new(client.keys.rotate(key, overlap_seconds=overlap), out, as_json=as_json)


@app.command()
def revoke(
    key: KeyId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key: it is refused from the next request on."""
    with node_client(node, api_key_file) as client:
        client.keys.revoke(key)
    if as_json:
        show_json({"key_id": key, "is_revoked": True})
    else:
        print(f"revoked {key}")


@app.command()
def usage(
    key: KeyId,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what a key was used for, and where its budget stands."""
    with node_client(node, api_key_file) as client:
        show(client.keys.usage(key), as_json=as_json)


def _check_new(out: Path | None) -> None:
    """Refuse a file that is there before a key is made that nobody could write down."""
    if out is not None and (out.exists() or not out.parent.is_dir()):
        raise CommandFailed(f"--out {out}: must be a new file in a folder that exists")


def _show_new(made: dict[str, Any], out: Path | None, *, as_json: bool) -> None:
    if out is not None:
        try:
            write_new_private(out, f"{made['api_key']}\n".encode())
        except OSError as error:
            # The key is shown only once: it is not lost with the file.
            show(made, as_json=as_json)
            raise CommandFailed(f"{out} cannot be written: {error.strerror}") from None
        made = {name: value for name, value in made.items() if name != "api_key"}
        made["api_key_file"] = str(out)
    show(made, as_json=as_json)
