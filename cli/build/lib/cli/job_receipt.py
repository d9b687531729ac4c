"""`aitbc job receipt`: what a miner signed for a job, checked here."""

from typing import Annotated

import typer

from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.group import AsJson
from cli.output import show
from cli.proof_words import block_of, receipt_of
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
    """Check a job's receipt on this machine; print what its miner signed, and the final block.

    aitbc job receipt job_… --genesis-digest 3f6a…
    """
    with node_client(node, api_key_file) as client:
        found = client.receipts.check(job, tags=chain_of(client, genesis_digest))
    shown = receipt_of(found) | {"block": None if found.block is None else block_of(found.block)}
    show(shown, as_json=as_json)
    if found.block is None and not as_json:
        print("the node has no proof that a final block holds it: only the signature was checked")
