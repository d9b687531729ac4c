"""The JavaScript client and the proofs of a node, over real sockets."""

from pathlib import Path

from ledger.keys import format_address
from tests.explorer.proved_site import proved_site
from tests.sdk_js.programs import Program
from tests.vectors.world import CLIENT


async def test_the_client_checks_what_a_node_serves(program: Program, tmp_path: Path) -> None:
    with proved_site(tmp_path) as site:
        passed = await program.test(
            "proofs_of_a_node.test.mjs",
            site.url,
            RECEIPT=site.receipt.hex(),
            ADDRESS=format_address(CLIENT.address),
            GENESIS_DIGEST=site.genesis_digest,
        )
    assert passed >= 3
