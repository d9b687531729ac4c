"""Opening ballots and voting on them; shared by `aitbc authority` and `aitbc ballot`.

An authority signs with its consensus key, which owns nothing and pays nothing (T11): the key file
may stay on the validator's machine, where these commands are run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from aitbc import Answer, Client, action_array, sign_transaction
from aitbc.errors import ApiError
from aitbc.field_checks import FieldValue
from aitbc.keyfile import load_key_file
from cli.clients import node_client, read_key_passphrase
from cli.sending import VALIDITY_MS, chain_of, wait_final

AuthorityKey = Annotated[
    Path, typer.Option("--key", metavar="FILE", help="Key file of role validator.")
]
"""Option for the key that votes."""

BallotId = Annotated[str, typer.Argument(metavar="BALLOT", help="Id of the ballot, hex.")]
"""Argument for a ballot."""


@dataclass(frozen=True)
class Voter:
    """Who votes, and where."""

    node: str
    """Address of a node."""
    api_key_file: Path | None
    """Private file with an API key, where the node asks for one."""
    key: Path
    """Key file of role validator."""
    passphrase_file: Path | None
    """Private file with the key's passphrase; asked for otherwise."""
    genesis_digest: str | None
    """Digest that the chain must have."""


def open_ballot(voter: Voter, motion: list[FieldValue], *, as_json: bool) -> None:
    """Open a ballot, wait until it is final, and show what became of it."""
    with node_client(voter.node, voter.api_key_file) as client:
        final = _cast(client, voter, {"ballot_id": None, "motion": motion, "support": True})
        _show_ballot(client, str(final["transaction_id"]), final, as_json=as_json)


def vote(voter: Voter, ballot_id: str, *, support: bool, as_json: bool) -> None:
    """Vote on an open ballot, wait until it is final, and show how it stands."""
    with node_client(voter.node, voter.api_key_file) as client:
        ballot = client.get_ballot(ballot_id)
        named: dict[str, FieldValue] = {
            "ballot_id": bytes.fromhex(str(ballot["ballot_id"])),
            "motion": None,
            "support": support,
        }
        final = _cast(client, voter, named)
        _show_ballot(client, str(ballot["ballot_id"]), final, as_json=as_json)


def print_ballot(ballot: Mapping[str, object]) -> None:
    """Print a ballot as a person reads it."""
    details = ballot["details"]
    assert isinstance(details, dict)
    print(f"{ballot['ballot_id']}  {ballot['status']}")
    told = ", ".join(f"{name} {value}" for name, value in details.items())
    print(f"  {str(ballot['motion']).replace('_', ' ')}: {told}")
    if "quorum" in ballot:
        counted = f"{ballot['supporters']} of {ballot['quorum']} votes"
        print(f"  {counted}, expires {ballot['expires_at']}")
    if "closed_height" in ballot:
        print(f"  {ballot['status']} in block {ballot['closed_height']}")


def _cast(client: Client, voter: Voter, fields: dict[str, FieldValue]) -> Answer:
    """Sign a vote and return its transaction once it is final."""
    tags = chain_of(client, voter.genesis_digest)
    passphrase = read_key_passphrase(voter.passphrase_file, voter.key, is_new=False)
    key = load_key_file(voter.key, passphrase, "validator")
    valid_until_ms = client.chain_time_ms() + VALIDITY_MS
    action = action_array("cast_vote", **fields)
    signed = sign_transaction(tags, key, action, fee=0, valid_until_ms=valid_until_ms)
    return wait_final(client, signed)


def _show_ballot(client: Client, ballot_id: str, final: Answer, *, as_json: bool) -> None:
    """Show a ballot after a vote; one that has passed may reach the list a moment later."""
    digits = ballot_id.rpartition("_")[2]
    try:
        ballot = dict(client.get_ballot(digits))
    except ApiError as error:
        if error.error_code != "BALLOT_NOT_FOUND":
            raise
        ballot = {"ballot_id": digits, "status": "passed"}
    if as_json:
        print(json.dumps({"height": final["height"], "ballot": ballot}))
        return
    print(f"final in block {final['height']}")
    if "details" in ballot:
        print_ballot(ballot)
    else:
        print(f"{digits}  {ballot['status']}")
