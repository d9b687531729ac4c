"""docs/join.md, command by command: from genesis and a peer to a validator that signs; and the way
of docs/validator-safety.md to another machine."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import tomli_w

from devnet.network.configuration import direct_wiring, write_config
from devnet.network.directory import DevnetDirectory
from devnet.network.node import PLAIN_HTTP, NodeProcess
from devnet.network.plan import Shape, plan_nodes
from devnet.network.ports import FreePorts
from devnet.network.processes import ManagedProcess
from devnet.network.provision import ChainWish, provision
from ledger.params import Parameters
from tests.devnet.running import ROOT, free_ports

GUIDE = (ROOT / "docs" / "join.md").read_text()
PATIENCE_S = 120.0
Network = tuple[DevnetDirectory, list[NodeProcess]]
"""A running network and its nodes."""

pytestmark = pytest.mark.timeout(400)


class Newcomer:
    """Somebody who follows the guide in a folder of their own."""

    def __init__(self, root: Path, network: DevnetDirectory, nodes: list[NodeProcess]) -> None:
        self.root = root
        self.port, self.p2p_port = free_ports(2)
        self.names = {
            "http://localhost:8021": self.url,
            "127.0.0.1:8021": f"127.0.0.1:{self.port}",
            "127.0.0.1:9021": f"127.0.0.1:{self.p2p_port}",
            "127.0.0.1:9011": f"127.0.0.1:{nodes[0].plan.p2p_port}",
            ".devnet": str(network.root),
        }
        self.default_node = nodes[0].url
        self.process: ManagedProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def in_this_world(self, text: str) -> str:
        for name, here in self.names.items():
            text = text.replace(name, here)
        return text

    def type(self, line: str) -> str:
        """Run a line of the guide and return what it prints."""
        line = self.in_this_world(line)
        if "--node" not in line and re.search(r"aitbc authority", line):
            line += f" --node {self.default_node}"
        done = subprocess.run(
            ["sh", "-ec", f'aitbc() {{ "{sys.executable}" -m cli.main "$@"; }}\n{line}'],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'sdk' / 'python'}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def run_node(self, config: Path) -> None:
        command = [sys.executable, "-m", "cli.main", "node", "run", "--config", str(config)]
        self.process = ManagedProcess("newcomer", command, self.root / "node.log")
        self.process.wait_until(lambda: self.status() is not None, PATIENCE_S)

    def stop_node(self) -> None:
        if self.process is not None:
            self.process.stop()

    def status(self) -> Any:
        try:
            return httpx.get(f"{self.url}/v1/chain/status", timeout=5, verify=PLAIN_HTTP).json()
        except httpx.TransportError:
            return None


def commands(section: str) -> list[str]:
    """Return the lines of the shell blocks below a heading."""
    text = GUIDE.partition(f"## {section}")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return "".join(blocks).splitlines()


def wait_for(what: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    deadline = time.monotonic() + patience_s
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def network(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Network]:
    """A devnet of four validators with short epochs, without miners."""
    directory = DevnetDirectory(tmp_path_factory.mktemp("join") / "net")
    free = FreePorts()
    plans = plan_nodes(Shape(4, 0, 0), (free.take(),), free)
    with ExitStack() as stack:
        stack.enter_context(directory)
        parameters = Parameters(epoch_ms=10_000, heartbeat_ms=1_000)
        provision(directory, ChainWish(Shape(4, 0, 0), time.time_ns() // 1_000_000, parameters))
        nodes = []
        for plan in plans:
            write_config(directory, plan, direct_wiring(plan, plans))
            nodes.append(NodeProcess(directory, plan))
            nodes[-1].start()
            stack.callback(nodes[-1].stop)
        for node in nodes:
            node.wait_ready()
        yield directory, nodes


@pytest.fixture(scope="module")
def newcomer(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    somebody = Newcomer(tmp_path_factory.mktemp("newcomer"), *network)
    yield somebody
    somebody.stop_node()


def signs(newcomer: Newcomer) -> bool:
    said = (newcomer.status() or {}).get("consensus", {})
    return said.get("role") == "validator" and bool(said.get("signs"))


def proposed_by(newcomer: Newcomer, key: str) -> int | None:
    """Return the height of a block among the newest twenty that a key proposed."""
    with httpx.Client(base_url=newcomer.url, verify=PLAIN_HTTP) as client:
        head = client.get("/v1/chain/head").json()["height"]
        for height in range(head, max(0, head - 20), -1):
            if client.get(f"/v1/chain/blocks/{height}").json()["proposer"] == key:
                return height
    return None


def test_the_guide_leads_from_a_genesis_to_a_validator_that_signs(newcomer: Newcomer) -> None:
    for section in ("1. The genesis", "2. Keys"):
        for line in commands(section):
            newcomer.type(line)
    (config,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    file = newcomer.root / "my-node" / "node.toml"
    file.write_text(newcomer.in_this_world(config))

    run, status = commands("4. Follow")
    assert run == "aitbc node run --config my-node/node.toml"
    newcomer.run_node(file)
    goal = httpx.get(f"{newcomer.default_node}/v1/chain/status").json()["height"]
    wait_for(lambda: newcomer.status()["height"] >= goal)
    assert "does not sign" in newcomer.type(status)

    prove, propose, *votes = commands("5. Be voted in")
    account = json.loads(newcomer.type("aitbc keys show my-node/payout.key --json"))
    newcomer.type(prove.replace("ait1…", account["address"]))
    ballot = re.search(r"[0-9a-f]{64}", newcomer.type(propose))
    assert ballot is not None
    said = [newcomer.type(vote.replace("BALLOT", ballot[0])) for vote in votes]
    assert "passed" in said[-1]

    wait_for(lambda: signs(newcomer))
    listed, status = (newcomer.type(line) for line in commands("6. Sign"))
    assert "lab-7" in listed
    assert "does not sign" not in status
    key = json.loads(newcomer.type("aitbc keys show my-node/validator.key --json"))["public_key"]
    wait_for(lambda: proposed_by(newcomer, key))


def test_a_validator_moves_to_another_machine_with_its_folder_and_its_key(
    newcomer: Newcomer,
) -> None:
    wait_for(lambda: signs(newcomer))
    epoch = newcomer.status()["consensus"]["epoch"]
    newcomer.stop_node()
    assert "node_stopped" in (newcomer.root / "node.log").read_text().splitlines()[-1]
    here, there = newcomer.root / "my-node", newcomer.root / "another-machine"
    shutil.copytree(here, there)
    (here / "validator.key").unlink()

    newcomer.port, newcomer.p2p_port = free_ports(2)
    config = tomllib.loads((there / "node.toml").read_text())
    config["http"]["listen"] = [f"127.0.0.1:{newcomer.port}"]
    config["p2p"]["listen"] = [f"127.0.0.1:{newcomer.p2p_port}"]
    config["p2p"]["advertise"] = f"127.0.0.1:{newcomer.p2p_port}"
    (there / "node.toml").write_text(tomli_w.dumps(config))
    newcomer.run_node(there / "node.toml")
    # The journal came along: it votes again in the epoch in which it voted before.
    wait_for(lambda: signs(newcomer))
    key = json.loads(newcomer.type("aitbc keys show another-machine/validator.key --json"))
    moved_at = newcomer.status()["height"]
    wait_for(lambda: (proposed_by(newcomer, key["public_key"]) or 0) > moved_at)
    assert newcomer.status()["consensus"]["epoch"] >= epoch
