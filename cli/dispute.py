"""`aitbc job dispute`: a client's objection to a receipt.

Jobs that were ordered through the API are paid by a wallet whose key the coordinator holds, which
signs. Whoever submitted with a key of its own signs with that.
"""

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
from cli.output import show
from cli.sending import VALIDITY_MS, GenesisDigest, chain_of, wait_final

_ID_BYTES: Final = 32


def dispute(
    *,
    job: Annotated[str, typer.Argument(metavar="JOB", help="Id of the job, job_… or hex.")],
    receipt: Annotated[
        str | None,
        typer.Argument(
            metavar="RECEIPT", help="Id of its receipt, receipt_… or hex; needed with --key."
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Key file of the account that submitted the job.",
            show_default="ordered through the API, whose coordinator signs",
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="CODE", help="Why, such as RESULT_MALFORMED.")
    ] = "UNSPECIFIED",
    bond: Annotated[
        str | None,
        typer.Option(
            metavar="AITBC", help="The job's bond, with --key.", show_default="that of new jobs"
        ),
    ] = None,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Dispute a receipt: locks a bond until authorities rule, or the time for that is over.

    The bond is lost to the miner if they rule for it; in every other case it comes back. A job that
    was ordered with --dispute-window waits so long; one without settles when it is delivered.

    aitbc job dispute job_… --reason RESULT_MALFORMED
    """
    if key is None:
        with node_client(node, api_key_file) as client:
            show(client.dispute_receipt(job, reason=reason.upper()), as_json=as_json)
        return
    job_id, receipt_id = _id(job, "job_"), _receipt_id(receipt)
    code = REASONS.get(reason.upper())
    if code is None:
        raise CommandFailed(f"--reason {reason}: must be one of {', '.join(REASONS)}")
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


def _receipt_id(text: str | None) -> bytes:
    if text is None:
        raise CommandFailed("with --key the receipt's id is needed: aitbc job get JOB shows it")
    return _id(text, "receipt_")


def _id(text: str, prefix: str) -> bytes:
    """Return the bytes of an id that is written with or without its prefix."""
    try:
        found = bytes.fromhex(text.removeprefix(prefix))
    except ValueError:
        found = b""
    if len(found) != _ID_BYTES:
        raise CommandFailed(f"{text}: must be {prefix} and 64 hex digits")
    return found
