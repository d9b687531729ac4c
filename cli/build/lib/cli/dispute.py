"""`aitbc job dispute`: a client's objection to a receipt, signed with its own key."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from aitbc import action_array, fee_for, sign_transaction
from aitbc.actions import REASONS
from aitbc.keyfile import load_key_file
from cli.amounts import format_aitbc, parse_aitbc
from cli.clients import (
    NODE_DEFAULT,
    ApiKeyFile,
    KeyPassphraseFile,
    NodeUrl,
    node_client,
    read_key_passphrase,
)
from cli.exits import CommandFailed
from cli.group import AsJson
from cli.sending import VALIDITY_MS, GenesisDigest, chain_of, wait_final

_ID_BYTES: Final = 32


def dispute(
    *,
    job: Annotated[str, typer.Argument(metavar="JOB", help="Id of the job, job_… or hex.")],
    receipt: Annotated[
        str, typer.Argument(metavar="RECEIPT", help="Id of its receipt, receipt_… or hex.")
    ],
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="Key file of the account that submitted the job.")
    ],
    reason: Annotated[
        str, typer.Option(metavar="CODE", help="Why, such as RESULT_MALFORMED.")
    ] = "UNSPECIFIED",
    bond: Annotated[
        str | None,
        typer.Option(metavar="AITBC", help="The job's bond.", show_default="that of new jobs"),
    ] = None,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Dispute a receipt: locks a bond until authorities rule, or the time for that is over.

    The bond is lost to the miner if they rule for it; in every other case it comes back.
    """
    code = REASONS.get(reason.upper())
    if code is None:
        raise CommandFailed(f"--reason {reason}: must be one of {', '.join(REASONS)}")
    job_id, receipt_id = _id(job, "job_"), _id(receipt, "receipt_")
    with node_client(node, api_key_file) as client:
        tags = chain_of(client, genesis_digest)
        parameters = client.chain_parameters()
        locked = parameters["dispute_bond"] if bond is None else parse_aitbc(bond, "--bond")
        passphrase = read_key_passphrase(passphrase_file, key, is_new=False)
        signing_key = load_key_file(key, passphrase, "account")
        action = action_array(
            "dispute_receipt", job_id=job_id, receipt_id=receipt_id, reason=code, bond=locked
        )
        fee = fee_for(action, parameters["fee_base"], parameters["fee_per_byte"], 0)
        valid_until_ms = client.chain_time_ms() + VALIDITY_MS
        signed = sign_transaction(tags, signing_key, action, fee=fee, valid_until_ms=valid_until_ms)
        final = wait_final(client, signed)
    if as_json:
        named = ("transaction_id", "status", "height")
        print(json.dumps({name: final[name] for name in named} | {"bond": format_aitbc(locked)}))
        return
    print(f"disputed with a bond of {format_aitbc(locked)} AITBC, fee {format_aitbc(fee)} AITBC")
    print(f"final in block {final['height']}: {final['transaction_id']}")


def _id(text: str, prefix: str) -> bytes:
    """Return the bytes of an id that is written with or without its prefix."""
    try:
        found = bytes.fromhex(text.removeprefix(prefix))
    except ValueError:
        found = b""
    if len(found) != _ID_BYTES:
        raise CommandFailed(f"{text}: must be {prefix} and 64 hex digits")
    return found
