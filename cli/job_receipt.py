"""`aitbc job receipt`: what a miner signed for a job, checked here."""

from dataclasses import asdict
from typing import Annotated

import typer

from cli.amounts import format_aitbc
from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.group import AsJson
from cli.output import show
from cli.sending import GenesisDigest, chain_of


def receipt(
    *,
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="Id of the job, job_…, or of its receipt.")
    ],
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    genesis_digest: GenesisDigest = None,
    as_json: AsJson = False,
) -> None:
    """Check a job's receipt on this machine, and print what its miner signed.

    aitbc job receipt job_… --genesis-digest 3f6a…
    """
    with node_client(node, api_key_file) as client:
        found = client.receipts.check(job, tags=chain_of(client, genesis_digest))
    shown = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in asdict(found).items()
    }
    show(shown | {"price": format_aitbc(found.price)}, as_json=as_json)
