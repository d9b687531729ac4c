"""The documented move of a node with a coordinator: export, import, start (docs/storage.md)."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from ledger.keys import KeyPair
from tests.processes import NodeFolder, NodeProcess, start_node
from tests.wallets import Wallet, chain_time_ms

ALICE = KeyPair(b"\x61" * 32)
BOB = KeyPair(b"\x62" * 32)
DATA_UNUSABLE = 5


def pay(node: NodeProcess) -> int:
    """Let a transfer become final; return its height."""
    with node.client() as client:
        wallet = Wallet.on(client, ALICE)
        signed = wallet.transfer(BOB.address, 1, chain_time_ms(client), is_new=True)
        answer = client.post(
            "/v1/chain/transactions?wait=final", json={"transaction": signed.hex()}
        )
        height: int = answer.raise_for_status().json()["height"]
        return height


def aitbc(*arguments: str) -> None:
    command = [sys.executable, "-m", "cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_node_with_a_coordinator_starts_from_a_snapshot(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n", accounts=(ALICE,), with_coordinator=True)
    config, moved = str(folder.config_file), str(tmp_path / "moved")
    with start_node(folder) as node:
        pay(node)
        head = pay(node)
        assert node.stop() == 0, node.told("did not end well")
    aitbc("node", "snapshot", "export", "--config", config, "--out", moved)
    for file in [*folder.data.glob("chain.db*"), *folder.data.glob("index.db*")]:
        file.unlink()
    aitbc("node", "snapshot", "import", "--config", config, "--from", moved)

    # The database of before, from a copy that is older than the snapshot.
    database = folder.data / "coordinator.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE chain SET height = 1, block_id = ?", (bytes(32),))
    with NodeProcess(folder) as node:
        assert node.wait_end() == DATA_UNUSABLE, node.told("started")
        assert "holds whole blocks only from" in node.told("")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT height FROM chain").fetchall() == [(1,)]

    # A new one begins where the chain does, and is served.
    for file in folder.data.glob("coordinator.db*"):
        file.unlink()
    shutil.rmtree(folder.root / "artifacts", ignore_errors=True)
    with start_node(folder) as node:
        assert pay(node) > head
        with node.client() as client:
            assert client.get("/health").json()["services"]["marketplace"] == "healthy"
        assert node.stop() == 0, node.told("did not end well")
