"""`aitbc ballot`: what authorities decide together, parameters, rulings and units among it."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from aitbc import parse_address
from aitbc.errors import InvalidValue
from aitbc.field_checks import FieldValue
from aitbc.governance import motion_array
from cli.amounts import parse_aitbc
from cli.clients import (
    NODE_DEFAULT,
    ApiKeyFile,
    KeyPassphraseFile,
    NodeUrl,
    node_client,
    sdk_errors,
)
from cli.group import AsJson, command_group
from cli.sending import GenesisDigest
from cli.voting import AuthorityKey, BallotId, Voter, open_ballot, print_ballot
from cli.voting import vote as cast_vote

app = command_group("See and decide what authorities vote on.")
propose = command_group("Open a ballot. `aitbc authority` has those about validators.")
app.add_typer(propose, name="propose")


class Status(StrEnum):
    """Which ballots are listed."""

    OPEN = "open"
    PASSED = "passed"
    EXPIRED = "expired"


class Side(StrEnum):
    """Whom a ruling is for."""

    MINER = "miner"
    CLIENT = "client"


@app.callback()
def _group() -> None:
    """Hold the commands; has no options of its own."""


@propose.callback()
def _proposals() -> None:
    """Hold the commands; has no options of its own."""


@app.command(name="list")
def list_ballots(
    *,
    status: Annotated[Status, typer.Option(help="Which ones.")] = Status.OPEN,
    before: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """List ballots: open ones, or those that passed or expired."""
    with node_client(node, api_key_file) as client:
        page = client.list_ballots(status.value, before)
    if as_json:
        print(json.dumps(page))
        return
    for ballot in page["ballots"]:
        print_ballot(ballot)
    if not page["ballots"]:
        print(f"no ballot is {status.value}")
    if "next" in page:
        print(f"more: --before {page['next']}")


@app.command()
def show(
    ballot: BallotId,
    *,
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a ballot with its votes."""
    with node_client(node, api_key_file) as client:
        found = client.get_ballot(ballot)
    if as_json:
        print(json.dumps(found))
        return
    print_ballot(found)
    for said in found["votes"]:
        print(f"  {said['authority']} {'yes' if said['support'] else 'no'}")


@app.command()
def vote(
    ballot: BallotId,
    *,
    key: AuthorityKey,
    no: Annotated[bool, typer.Option("--no", help="Vote against it, or take a yes back.")] = False,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Vote on an open ballot; a mind changes once."""
    voter = Voter(node, api_key_file, key, passphrase_file, genesis_digest)
    cast_vote(voter, ballot, support=not no, as_json=as_json)


@propose.command()
def parameter(
    name: Annotated[str, typer.Argument(help="Parameter, as the node names it.")],
    value: Annotated[int, typer.Argument(help="New value; amounts in nait, times in ms.")],
    *,
    key: AuthorityKey,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Change a parameter, from the next epoch on."""
    voter = Voter(node, api_key_file, key, passphrase_file, genesis_digest)
    _open(voter, "set_parameter", as_json, name=name, value=value)


@propose.command(name="protocol-version")
def protocol_version(
    version: Annotated[int, typer.Argument(help="Version of the rules.")],
    *,
    key: AuthorityKey,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Put newer rules in force from the next epoch on; nodes that lack them stop there."""
    voter = Voter(node, api_key_file, key, passphrase_file, genesis_digest)
    _open(voter, "set_protocol_version", as_json, version=version)


@propose.command(name="add-coordinator")
def add_coordinator(
    address: Annotated[str, typer.Argument(help="The coordinator's account, ait1…")],
    *,
    name: Annotated[str, typer.Option(help="Shown name: a-z, 0-9 and -, at most 32.")],
    key: AuthorityKey,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Let jobs name a coordinator."""
    voter = Voter(node, api_key_file, key, passphrase_file, genesis_digest)
    _open(voter, "add_coordinator", as_json, address=_address(address), name=name)


@propose.command(name="remove-coordinator")
def remove_coordinator(
    address: Annotated[str, typer.Argument(help="The coordinator's account, ait1…")],
    *,
    key: AuthorityKey,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a coordinator from now on."""
    voter = Voter(node, api_key_file, key, passphrase_file, genesis_digest)
    _open(voter, "remove_coordinator", as_json, address=_address(address))


@propose.command()
def ruling(
    job: Annotated[str, typer.Argument(help="Id of the disputed job.")],
    *,
    side: Annotated[Side, typer.Option("--for", help="Whom the ruling is for.")],
    key: AuthorityKey,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Rule on a dispute: pay the miner, or refund the client."""
    voter = Voter(node, api_key_file, key, passphrase_file, genesis_digest)
    job_id = _job_id(job)
    _open(voter, "resolve_dispute", as_json, job_id=job_id, for_miner=side is Side.MINER)


@propose.command()
def issue(
    to: Annotated[str, typer.Argument(help="Account that gets the units, ait1…")],
    amount: Annotated[str, typer.Argument(help="AITBC, such as 1000.")],
    *,
    key: AuthorityKey,
    node: NodeUrl = NODE_DEFAULT,
    passphrase_file: KeyPassphraseFile = None,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Make new units: how a consortium grants its members balance."""
    voter = Voter(node, api_key_file, key, passphrase_file, genesis_digest)
    nait = parse_aitbc(amount, "AMOUNT")
    _open(voter, "issue_units", as_json, to=_address(to), amount=nait)


def _open(voter: Voter, motion: str, as_json: bool, **fields: FieldValue) -> None:  # noqa: FBT001 - passed on
    """Open a ballot with a motion of these fields."""
    with sdk_errors():
        array = motion_array(motion, **fields)
    open_ballot(voter, array, as_json=as_json)


def _address(text: str) -> bytes:
    with sdk_errors():
        return parse_address(text)


def _job_id(text: str) -> bytes:
    """Return a job's id from its hex digits, with or without the wire's prefix."""
    with sdk_errors():
        digits = text.removeprefix("job_")
        try:
            return bytes.fromhex(digits)
        except ValueError:
            raise InvalidValue("JOB", f"{text} is no id of a job") from None
