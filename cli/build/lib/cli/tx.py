"""`aitbc tx`: transactions from a key of one's own."""

import json
from pathlib import Path
from typing import Annotated

import typer

from aitbc import (
    ActionArray,
    Answer,
    Client,
    action_array,
    fee_for,
    parse_address,
    sign_transaction,
)
from aitbc.keyfile import load_owner_key
from cli.amounts import format_aitbc, parse_aitbc
from cli.clients import (
    NODE_DEFAULT,
    ApiKeyFile,
    KeyPassphraseFile,
    NodeUrl,
    node_client,
    read_key_passphrase,
)
from cli.group import AsJson, command_group
from cli.sending import VALIDITY_MS, GenesisDigest, chain_of, wait_final

app = command_group("Send transactions.")


@app.callback()
def _group() -> None:
    """Hold the commands; has no options of its own."""


@app.command()
def send(
    *,
    key: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Key file that owns what is sent: of an account, a miner, …"
        ),
    ],
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Receiver, ait1…")],
    amount: Annotated[str, typer.Option(metavar="AITBC", help="Amount, such as 1.5.")],
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Sign a transfer, send it, and wait until it is final.

    A miner's pay is taken out with the miner's key, fees of blocks with the payout account's.
    """
    nait = parse_aitbc(amount, "--amount")
    with node_client(node, api_key_file) as client:
        receiver = parse_address(to)
        tags = chain_of(client, genesis_digest)
        passphrase = read_key_passphrase(passphrase_file, key, is_new=False)
        signing_key = load_owner_key(key, passphrase)
        action = action_array("transfer", to=receiver, amount=nait)
        fee = _fee(client, action, to)
        signed = sign_transaction(
            tags, signing_key, action, fee=fee, valid_until_ms=client.chain_time_ms() + VALIDITY_MS
        )
        _show(wait_final(client, signed), amount=nait, fee=fee, to=to, as_json=as_json)


def _fee(client: Client, action: ActionArray, to: str) -> int:
    """Return the fee; a receiver without a balance may need an account made, which costs (T9)."""
    parameters = client.chain_parameters()
    is_new = int(client.get_account(to)["balance_nait"]) == 0
    account_fee = parameters["account_fee"] if is_new else 0
    return fee_for(action, parameters["fee_base"], parameters["fee_per_byte"], account_fee)


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
