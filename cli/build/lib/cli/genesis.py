"""`aitbc genesis`: from a specification to the file that every node of a chain reads."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import CommandFailed, Exit, ends_with
from cli.group import AsJson, command_group
from cli.passphrases import PassphraseFd, PassphraseFile, read_passphrase
from genesis import (
    Genesis,
    GenesisError,
    build_genesis,
    format_amount,
    genesis_text,
    prove_possession,
    read_genesis,
    read_spec,
)
from genesis.checks import NAME
from node.durable import write_new_file
from node.keyfile import KeyFileError, Role, load_key

app = command_group("Begin a chain.")

GENESIS_MODE = 0o644
"""A genesis is public."""


@app.command()
def build(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="Specification, TOML or JSON.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="New file; never overwritten.")
    ],
    as_json: AsJson = False,
) -> None:
    """Check a specification in full and write the genesis that follows from it."""
    with ends_with(Exit.REFUSED, GenesisError):
        genesis = build_genesis(read_spec(spec))
    try:
        write_new_file(out, genesis_text(genesis), GENESIS_MODE)
    except FileExistsError:
        raise CommandFailed(f"{out} exists: name another file, or remove it first") from None
    except OSError as error:
        raise CommandFailed(f"{out} cannot be written: {error.strerror}") from None
    _print(_summary(genesis), as_json=as_json)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Built genesis.")],
    as_json: AsJson = False,
) -> None:
    """Check a built genesis and print what two parties compare."""
    with ends_with(Exit.REFUSED, GenesisError):
        _print(_summary(read_genesis(file)), as_json=as_json)


@app.command()
def prove(
    key: Annotated[Path, typer.Option(metavar="FILE", help="Key file of role validator.")],
    chain: Annotated[str, typer.Option(metavar="NAME", help="Name in the specification.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    as_json: AsJson = False,
) -> None:
    """Sign that the owner of a validator key takes part in the chain of that name."""
    if not NAME.fullmatch(chain):
        raise CommandFailed(f"{chain!r} is not a chain name: use a-z, 0-9 and -, at most 32")
    with ends_with(Exit.REFUSED, KeyFileError):
        passphrase = read_passphrase(passphrase_file, passphrase_fd, str(key), new=False)
        pair = load_key(key, Role.VALIDATOR, passphrase)
    proof = {
        "public_key": pair.public_key.hex(),
        "possession_proof": prove_possession(pair, chain).hex(),
    }
    if as_json:
        print(json.dumps(proof))
    else:
        for name, value in proof.items():
            print(f'{name} = "{value}"')


def _summary(genesis: Genesis) -> dict[str, str | int]:
    return {
        "chain_id": genesis.chain_id,
        "genesis_digest": genesis.digest.hex(),
        "block_id": genesis.block_id.hex(),
        "supply": format_amount(genesis.supply),
        "validators": len(genesis.spec.validators),
        "coordinators": len(genesis.spec.coordinators),
        "allocations": len(genesis.spec.allocations),
    }


def _print(values: dict[str, str | int], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(values))
    else:
        for name, value in values.items():
            print(f"{name.replace('_', ' '):<15} {value}")
