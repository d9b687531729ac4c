"""Sending a signed transaction and waiting for its end; shared by the commands that sign."""

import time
from typing import Annotated, Final

import typer

from aitbc import Answer, ChainTags, Client
from aitbc.errors import InvalidValue
from aitbc.transactions import SignedTransaction
from cli.exits import CommandFailed, Exit

VALIDITY_MS: Final = 120_000
"""How long a signed transaction may wait for its block (T2)."""

_PAUSE_S: Final = 0.5

GenesisDigest = Annotated[
    str | None,
    typer.Option(metavar="HEX", help="Refuse another chain than the one of this genesis."),
]
"""Option that pins the chain, so that the node is not trusted for it."""


def chain_of(client: Client, genesis_digest: str | None) -> ChainTags:
    """Return the tags of the node's chain.

    Raises:
        InvalidValue: it is not the chain of the genesis that was named.
    """
    tags = client.chain_tags()
    if genesis_digest is not None and tags.genesis_digest.hex() != genesis_digest.lower():
        raise InvalidValue("--genesis-digest", f"the node serves {tags.chain_id}, another chain")
    return tags


def wait_final(client: Client, signed: SignedTransaction) -> Answer:
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
