"""`aitbc tx`: transactions from a key of one's own."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from aitbc import Answer, ChainTags, Client, action_array, fee_for, parse_address, sign_transaction
from aitbc.errors import InvalidValue
from aitbc.keyfile import load_key_file
from aitbc.transactions import SignedTransaction
from cli.amounts import format_aitbc, parse_aitbc
from cli.clients import (
    NODE_DEFAULT,
    ApiKeyFile,
    KeyPassphraseFile,
    NodeUrl,
    node_client,
    read_key_passphrase,
)
from cli.exits import CommandFailed, Exit
from cli.group import AsJson, command_group

app = command_group("Send transactions.")

VALIDITY_MS = 120_000
"""How long a signed transaction may wait for its block (T2)."""

_PAUSE_S = 0.5


@app.callback()
def _group() -> None:
    """Hold the commands; has no options of its own."""


@app.command()
def send(
    *,
    key: Annotated[Path, typer.Option(metavar="FILE", help="Key file of role account.")],
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Receiver, ait1…")],
    amount: Annotated[str, typer.Option(metavar="AITBC", help="Amount, such as 1.5.")],
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="Refuse another chain than the one of this genesis."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign a transfer, send it, and wait until it is final."""
    nait = parse_aitbc(amount, "--amount")
    with node_client(node, api_key_file) as client:
        receiver = parse_address(to)
        tags = _chain(client, genesis_digest)
        passphrase = read_key_passphrase(passphrase_file, key, is_new=False)
        signing_key = load_key_file(key, passphrase, "account")
        action = action_array("transfer", to=receiver, amount=nait)
        fee = _fee(client, action, to)
        signed = sign_transaction(
            tags, signing_key, action, fee=fee, valid_until_ms=client.chain_time_ms() + VALIDITY_MS
        )
        _show(_wait_final(client, signed), amount=nait, fee=fee, to=to, as_json=as_json)


def _chain(client: Client, genesis_digest: str | None) -> ChainTags:
    tags = client.chain_tags()
    if genesis_digest is not None and tags.genesis_digest.hex() != genesis_digest.lower():
        raise InvalidValue("--genesis-digest", f"the node serves {tags.chain_id}, another chain")
    return tags


def _fee(client: Client, action: list[bytes | int | str | bool], to: str) -> int:
    """Return the fee; a receiver without a balance may need an account made, which costs (T9)."""
    parameters = client.chain_parameters()
    is_new = int(client.get_account(to)["balance_nait"]) == 0
    account_fee = parameters["account_fee"] if is_new else 0
    return fee_for(action, parameters["fee_base"], parameters["fee_per_byte"], account_fee)


def _wait_final(client: Client, signed: SignedTransaction) -> Answer:
    """Send the same bytes until they are final or can no longer be included (J30)."""
    while True:
        answer = client.send_transaction(signed.signed, wait_final=True)
        if answer["status"] == "rejected":
            raise CommandFailed(f"rejected with {answer['code']}: {answer.get('detail', '')}")
        found = client.get_transaction(signed.transaction_id.hex())
        if found["status"] == "final":
            return found
        if client.chain_time_ms() > signed.valid_until_ms:
            text = f"{found['transaction_id']} was not included in time; nothing was moved"
            raise CommandFailed(text, Exit.REFUSED)
        time.sleep(_PAUSE_S)


def _show(final: Answer, *, amount: int, fee: int, to: str, as_json: bool) -> None:
    shown = {
        "transaction_id": final["transaction_id"],
        "status": final["status"],
        "height": final["height"],
        "to": to,
        "amount": format_aitbc(amount),
        "fee": format_aitbc(fee),
    }
    if as_json:
        print(json.dumps(shown))
        return
    print(f"sent {shown['amount']} AITBC to {to}, fee {shown['fee']} AITBC")
    print(f"final in block {shown['height']}: {shown['transaction_id']}")
