"""`aitbc authority`: who runs the chain, and how that changes.

A candidate proves with its own key that it wants to join (`prove`); an authority opens a ballot
with that proof (`propose-add`), the others vote. The change takes effect at an epoch's end.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from aitbc import parse_address
from aitbc.governance import motion_array, prove_possession
from aitbc.keyfile import load_key_file
from cli import ballot
from cli.clients import (
    NODE_DEFAULT,
    ApiKeyFile,
    KeyPassphraseFile,
    NodeUrl,
    node_client,
    read_key_passphrase,
    sdk_errors,
)
from cli.exits import CommandFailed
from cli.group import AsJson, command_group
from cli.sending import GenesisDigest, chain_of
from cli.voting import AuthorityKey, Voter, open_ballot

app = command_group("See and change who runs the chain.")

Candidate = Annotated[
    Path, typer.Argument(metavar="CANDIDATE", help="File that `aitbc authority prove` wrote.")
]


@app.callback()
def _group() -> None:
    """Hold the commands; has no options of its own."""


@app.command(name="list")
def list_authorities(
    *, node: NodeUrl = NODE_DEFAULT, api_key_file: ApiKeyFile = None, as_json: AsJson = False
) -> None:
    """List the validators, and the changes that wait for the epoch's end."""
    with node_client(node, api_key_file) as client:
        shown = client.get_validators()
    if as_json:
        print(json.dumps(shown))
        return
    print(f"epoch {shown['epoch']}, {shown['quorum']} votes pass a motion")
    for member in shown["validators"]:
        print(f"  {member['name']:<20} {member['public_key']}  fees to {member['payout']}")
    for change in shown["pending"]:
        print(f"  waiting: {change['change']} {change['validator']['name']}")
    for name, value in shown["pending_parameters"].items():
        print(f"  waiting: {name} = {value}")


@app.command()
def prove(
    *,
    key: Annotated[Path, typer.Option(metavar="FILE", help="The candidate's validator key.")],
    name: Annotated[str, typer.Option(help="Shown name: a-z, 0-9 and -, at most 32.")],
    payout: Annotated[str, typer.Option(metavar="ADDRESS", help="Account for fees, ait1…")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="New file for the authorities.")],
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
) -> None:
    """Prove that a key's owner wants to join this chain, for an authority to propose it."""
    with node_client(node, api_key_file) as client:
        tags = chain_of(client, genesis_digest)
        receiver = parse_address(payout)
        passphrase = read_key_passphrase(passphrase_file, key, is_new=False)
        signing_key = load_key_file(key, passphrase, "validator")
        candidate = {
            "chain_id": tags.chain_id,
            "public_key": signing_key.public_key.hex(),
            "name": name,
            "payout": payout,
            "possession_proof": prove_possession(tags, signing_key, name, receiver).hex(),
        }
    try:
        with out.open("x", encoding="ascii") as file:
            file.write(json.dumps(candidate, indent=1) + "\n")
    except OSError as error:
        raise CommandFailed(f"{out}: {error.strerror}") from error
    print(f"wrote {out}: give it to an authority, for aitbc authority propose-add")


@app.command(name="propose-add")
def propose_add(
    candidate: Candidate,
    *,
    key: AuthorityKey,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Open a ballot to make a candidate a validator."""
    with sdk_errors():
        motion = motion_array("add_authority", **_read_candidate(candidate))
    voter = Voter(node, api_key_file, key, passphrase_file, genesis_digest)
    open_ballot(voter, motion, as_json=as_json)


@app.command(name="propose-remove")
def propose_remove(
    validator: Annotated[str, typer.Argument(help="Name or public key of the validator.")],
    *,
    key: AuthorityKey,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Open a ballot to take a validator out of the set."""
    with node_client(node, api_key_file) as client:
        members = client.get_validators()["validators"]
        names = {str(member["name"]): str(member["public_key"]) for member in members}
        public_key = names.get(validator, validator.lower())
        if public_key not in names.values():
            known = ", ".join(names)
            raise CommandFailed(f"{validator} is not a validator; they are {known}")
        motion = motion_array("remove_authority", public_key=bytes.fromhex(public_key))
    voter = Voter(node, api_key_file, key, passphrase_file, genesis_digest)
    open_ballot(voter, motion, as_json=as_json)


app.command(help="Vote on an open ballot; the same as `aitbc ballot vote`.")(ballot.vote)


def _read_candidate(file: Path) -> dict[str, bytes | str]:
    """Return the fields of a candidate's file.

    Raises:
        CommandFailed: it is none.
    """
    try:
        told = json.loads(file.read_text(encoding="ascii"))
        return {
            "public_key": bytes.fromhex(told["public_key"]),
            "name": str(told["name"]),
            "payout": parse_address(told["payout"]),
            "possession_proof": bytes.fromhex(told["possession_proof"]),
        }
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{file} is not a file of `aitbc authority prove`: {error}"
        raise CommandFailed(text) from error
