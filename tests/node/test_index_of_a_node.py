"""A real node and the process that writes its index: either may be killed."""

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from ledger.keys import KeyPair
from tests.processes import NodeFolder, NodeProcess, start_node
from tests.wallets import Wallet, chain_time_ms

ALICE, BOB = (KeyPair(bytes([n]) * 32) for n in (51, 52))
PATIENCE_S = 60.0


def index_process_of(node: NodeProcess) -> int:
    """Return the number of the process that writes a node's index."""
    children = (
        Path(f"/proc/{node.process.pid}/task/{node.process.pid}/children").read_text().split()
    )
    return next(
        int(child)
        for child in children
        if b"node.index_worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    )


def status_when(client: httpx.Client, is_so: Callable[[Any], bool]) -> Any:
    """Ask for the status until it is as wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so(status := client.get("/v1/chain/status").json()):
        assert time.monotonic() < deadline, status
    return status


def transfer(client: httpx.Client) -> int:
    """Make a transfer final; return its height."""
    signed = Wallet.on(client, ALICE).transfer(BOB.address, 1, chain_time_ms(client))
    answer = client.post(
        "/v1/chain/transactions", json={"transaction": signed.hex()}, params={"wait": "final"}
    )
    told = answer.json()
    assert told["status"] == "final", told
    return int(told["height"])


def test_a_chain_goes_on_while_its_index_is_killed_and_the_index_does_not_outlive_it(
    tmp_path: Path,
):
    folder = NodeFolder(
        tmp_path / "n",
        accounts=(ALICE, BOB),
        sections={"http": {"listen": ["127.0.0.1:0"]}, "store": {"index_in": "process"}},
    )
    with start_node(folder) as node, node.client() as client:
        killed = index_process_of(node)
        os.kill(killed, signal.SIGKILL)
        heights = [transfer(client) for _ in range(3)]
        assert heights == sorted(set(heights))
        status = status_when(client, lambda told: told["index"]["lag_blocks"] == 0)
        assert status["indexed_height"] >= heights[-1]
        assert "code" not in status["index"]
        assert "aitbc_index_restarts 1.0" in client.get("/metrics").text
        again = index_process_of(node)
        assert again != killed
        worker = os.pidfd_open(again)
        try:
            node.kill()
            ended, _, _ = select.select([worker], [], [], PATIENCE_S)
        finally:
            os.close(worker)
        assert ended
