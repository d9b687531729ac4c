"""A node moves from files to a server, as docs/storage.md tells, and its journal goes with it."""

import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import tomli_w

from ledger.params import Parameters
from ledger.store import ChainReader
from tests.databases import NewPlace, ServerDatabase
from tests.processes import NodeFolder, NodeProcess, child_environment, start_node

pytestmark = pytest.mark.timeout(240)


def test_a_validator_moves_from_files_to_a_server_and_goes_on_voting(
    server_places: NewPlace, tmp_path: Path
) -> None:
    place = server_places()
    assert isinstance(place, ServerDatabase)
    folder = NodeFolder(tmp_path / "node", parameters=Parameters(heartbeat_ms=1_000))
    with start_node(folder) as node:
        height = wait_for_block(node, 2)
        node.stop()
    snapshot("export", folder, "--out", str(tmp_path / "moved"))
    url = place.server.url(place.name)
    folder.sections["store"] = {"url": url}
    folder.config_file.write_text(tomli_w.dumps(folder._config()))
    snapshot("import", folder, "--from", str(tmp_path / "moved"))
    with start_node(folder) as node:
        wait_for_block(node, height + 2)
        node.stop()
    with closing(ChainReader.open_to_read(f"{url}&schema=chain")) as reader:
        assert reader.head().height >= height + 2


def wait_for_block(node: NodeProcess, height: int) -> int:
    """Return the height of the chain once it is at least this; it grows by itself."""
    deadline = time.monotonic() + 60
    with node.client() as client:
        while (reached := client.get("/v1/chain/status").json()["height"]) < height:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    return int(reached)


def snapshot(verb: str, folder: NodeFolder, *options: str) -> None:
    command = [sys.executable, "-m", "cli.main", "node", "snapshot", verb]
    done = subprocess.run(
        [*command, "--config", str(folder.config_file), *options, "--json"],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["height"] > 0
