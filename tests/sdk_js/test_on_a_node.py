"""The JavaScript package against a node in a process of its own."""

from pathlib import Path

from tests.processes import NodeFolder, start_node
from tests.sdk_js.programs import Program


async def test_units_are_sent_and_the_chain_is_followed(program: Program, tmp_path: Path) -> None:
    with start_node(NodeFolder(tmp_path / "node", with_coordinator=True)) as node:
        assert await program.test("transfers.test.mjs", node.url) == 3
