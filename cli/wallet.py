"""`aitbc wallet`: units that leave the wallets which the coordinator keeps."""

import sys
from typing import Annotated, Final

import typer

from aitbc import Client, parse_address
from aitbc.answers import Transfer
from aitbc.errors import InvalidValue
from cli.amounts import parse_aitbc
from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.exits import CommandFailed, Exit
from cli.group import AsJson, command_group
from cli.output import show, show_table

app = command_group("Send units out of your wallets.")

_COLUMNS: Final = ("created_at", "status", "to", "amount", "fee", "transaction_id")

_WAIT_S: Final = 20
"""How long one request waits at the node; a transfer is final or expired after a few."""


@app.command()
def send(
    *,
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Who receives, ait1…")],
    amount: Annotated[str, typer.Option(metavar="AITBC", help="What arrives; the fee is extra.")],
    miner: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Your managed miner that pays; else your wallet."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it is sent.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until it is final.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option("--idempotency-key", metavar="TEXT", help="Sent twice, it is one transfer."),
    ] = None,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Send units from a wallet that the coordinator keeps; waits until that is final.

    The API key needs the scope wallet. For an account whose key file you have: aitbc tx send.

    aitbc wallet send --to ait1… --amount 2.5 --api-key-file aitbc.key
    """
    parse_aitbc(amount, "--amount")
    _check_address(to)
    if not yes:
        _ask(f"Send {amount} AITBC to {to}? The fee comes on top.")
    with node_client(node, api_key_file) as client:
        sent = client.transfers.send(to, amount, miner_id=miner, idempotency_key=name)
        if not no_wait:
            sent = _ended(client, sent)
        show(sent, as_json=as_json)
    if sent.status == "expired":
        text = f"{sent.transaction_id} was not included in time; nothing was moved"
        raise CommandFailed(text, Exit.REFUSED)


@app.command("list")
def list_transfers(
    node: NodeUrl = NODE_DEFAULT, api_key_file: ApiKeyFile = None, as_json: AsJson = False
) -> None:
    """List what you sent, the newest first."""
    with node_client(node, api_key_file) as client:
        found = list(client.transfers.iterate())
    show_table(found, _COLUMNS, as_json=as_json, none="nothing was sent")


@app.command("show")
def show_transfer(
    transfer: Annotated[str, typer.Argument(metavar="TRANSFER", help="Its transaction, tx_…")],
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show where a transfer is."""
    with node_client(node, api_key_file) as client:
        show(client.transfers.get(transfer), as_json=as_json)


def _check_address(to: str) -> None:
    """Refuse a mistyped address before anything is asked or sent."""
    try:
        parse_address(to)
    except InvalidValue as error:
        raise CommandFailed(f"--to {to}: {error}") from None


def _ask(question: str) -> None:
    """Let the person at the terminal confirm; what cannot be asked is not done."""
    if not sys.stdin.isatty():
        raise CommandFailed("nobody is here to confirm it: give --yes")
    # The answer to --json is what was sent, alone.
    if not typer.confirm(question, err=True):
        raise CommandFailed("nothing was sent", Exit.REFUSED)


def _ended(client: Client, sent: Transfer) -> Transfer:
    while sent.status == "pooled":
        sent = client.transfers.get(sent.transaction_id, wait_s=_WAIT_S)
    return sent
