"""docs/operations.md with real processes, from nothing to four validators; and on that network,
which is no devnet, what docs/mining.md and docs/accounts.md tell miners and clients to do."""

import json
import re
import shlex
import shutil
import sqlite3
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import tomli_w

from cli.exits import Exit
from devnet.network.node import PLAIN_HTTP
from devnet.network.processes import ManagedProcess
from genesis import prove_possession
from ledger.keys import format_address
from node.keyfile import KeyCost, Role, create_key_file, load_key
from tests.devnet.guides import PROGRAM, blocks, commands, section, type_line
from tests.devnet.running import free_ports

GUIDE = "operations.md"
PATIENCE_S = 120.0
NAMES = ("north", "south", "east", "west")
CHAIN = "lab-network"

pytestmark = pytest.mark.timeout(400)


def started(name: str, line: str, folder: Path) -> ManagedProcess:
    """Start a line of a document as a process in a folder; its log is there, too."""
    program = shlex.join([*PROGRAM, *line.split()[1:]])
    shell = ["sh", "-c", f"cd {shlex.quote(str(folder))} && exec {program}"]
    return ManagedProcess(name, shell, folder / "log")


@dataclass
class Machine:
    """One of the four: a folder, two ports, and at times a node."""

    name: str
    folder: Path
    port: int
    p2p_port: int
    process: ManagedProcess | None = None
    key: dict[str, str] = field(default_factory=dict)

    @property
    def node(self) -> Path:
        return self.folder / "aitbc-node"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def make_keys(self) -> None:
        """Make what the guide makes, at less cost."""
        self.node.mkdir(mode=0o700, parents=True)
        secret = self.node / "passphrase"
        secret.write_text(f"a passphrase of {self.name}\n")
        secret.chmod(0o600)
        passphrase, cost = secret.read_bytes().strip(), KeyCost(ops=1, mem_kib=8)
        create_key_file(self.node / "validator.key", Role.VALIDATOR, passphrase, cost)
        payout = create_key_file(self.node / "payout.key", Role.ACCOUNT, passphrase, cost)
        pair = load_key(self.node / "validator.key", Role.VALIDATOR, passphrase)
        proof = prove_possession(pair, CHAIN).hex()
        self.take_proof(pair.public_key.hex(), proof, payout.address)

    def take_proof(self, public_key: str, proof: str, payout: str) -> None:
        """Note what this machine's operator hands to the one who collects."""
        self.key = {
            "name": self.name,
            "public_key": public_key,
            "possession_proof": proof,
            "payout": payout,
        }

    def start(self) -> None:
        (run,) = [line for line in commands(GUIDE, "4. Start") if "node run" in line]
        self.process = started(self.name, run, self.folder)

    def wait_ready(self) -> None:
        assert self.process is not None
        self.process.wait_until(lambda: self.status() is not None, PATIENCE_S)

    def stop(self) -> int:
        assert self.process is not None
        return self.process.stop()

    def signs(self) -> bool:
        return bool((self.status() or {}).get("consensus", {}).get("signs"))

    def status(self) -> Any:
        try:
            answer = httpx.get(f"{self.url}/v1/chain/status", timeout=10, verify=PLAIN_HTTP)
        except httpx.TransportError:
            return None
        return answer.json()


@dataclass
class Network:
    """Four machines, and what the texts' names stand for."""

    machines: tuple[Machine, ...]
    treasury: str = ""

    @property
    def north(self) -> Machine:
        return self.machines[0]

    def names(self) -> dict[str, str]:
        """Return what stands in the documents and what stands for it here, the longest first."""
        named = {f"{m.name}.example:7011": f"127.0.0.1:{m.p2p_port}" for m in self.machines}
        return named | {
            "0.0.0.0:7011": f"127.0.0.1:{self.north.p2p_port}",
            "127.0.0.1:8011": f"127.0.0.1:{self.north.port}",
            "http://localhost:8011": self.north.url,
            "http://localhost:8012": self.machines[1].url,
        }

    def type(self, line: str, folder: Path | None = None) -> str:
        return type_line(line, folder or self.north.folder, self.names())


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Four machines that run the chain that the guide makes."""
    root = tmp_path_factory.mktemp("operations")
    ports = free_ports(8)
    made = Network(
        tuple(
            Machine(name, root / name, ports[2 * at], ports[2 * at + 1])
            for at, name in enumerate(NAMES)
        )
    )
    make_keys(made)
    make_genesis(made, root)
    configure(made)
    with ExitStack() as running:
        for machine in made.machines[:3]:
            machine.start()
            running.callback(machine.stop)
        for machine in made.machines[:3]:
            machine.wait_ready()
        # As soon as three of the four are there.
        wait_for(lambda: (made.north.status() or {}).get("height", 0) >= 1)
        made.machines[3].start()
        running.callback(made.machines[3].stop)
        made.machines[3].wait_ready()
        yield made


def make_keys(network: Network) -> None:
    """Follow the guide's first section on the first machine; on the others make the same."""
    network.north.folder.mkdir()
    *lines, prove, show, coordinator = commands(GUIDE, "1. Keys")
    for line in lines:
        network.type(line)
    proof = dict(re.findall(r'(\w+) = "(\w+)"', network.type(prove)))
    payout = re.search(r"ait1\w+", network.type(show))
    assert payout is not None
    network.north.take_proof(proof["public_key"], proof["possession_proof"], payout[0])
    network.type(coordinator)
    for machine in network.machines[1:]:
        machine.make_keys()


def make_genesis(network: Network, root: Path) -> None:
    """Fill the guide's specification in, and follow its second section."""
    (text,) = blocks(GUIDE, "2. The genesis", "toml")
    spec = tomllib.loads(text)
    assert set(spec["validators"][0]) == set(network.north.key)
    shown = json.loads(network.type("aitbc keys show aitbc-node/coordinator.key --json"))
    secret = (network.north.node / "passphrase").read_bytes().strip()
    treasury = root / "north" / "treasury.key"
    create_key_file(treasury, Role.ACCOUNT, secret, KeyCost(ops=1, mem_kib=8))
    shutil.copy(network.north.node / "passphrase", root / "north" / "passphrase")
    spec["timestamp_ms"] = time.time_ns() // 1_000_000 - 1_000
    spec["validators"] = [machine.key for machine in network.machines]
    spec["coordinators"][0]["address"] = shown["address"]
    own, clients = spec["allocations"]
    own["address"] = shown["address"]
    clients["address"] = format_address(load_key(treasury, Role.ACCOUNT, secret).address)
    (network.north.folder / f"{CHAIN}.toml").write_text(tomli_w.dumps(spec))
    build, copy, show = commands(GUIDE, "2. The genesis")
    network.type(build)
    network.type(copy)
    for machine in network.machines[1:]:
        shutil.copy(network.north.folder / "genesis.json", machine.node)
    told = [network.type(show, machine.folder) for machine in network.machines[:2]]
    assert told[0] == told[1]


def configure(network: Network) -> None:
    """Write the guide's configuration for the first machine, and for the others what it says."""
    (text,) = blocks(GUIDE, "3. The configuration", "toml")
    for name, here in network.names().items():
        text = text.replace(name, here)
    config = tomllib.loads(text)
    for machine in network.machines:
        others = [each for each in network.machines if each is not machine]
        config["http"]["listen"] = [f"127.0.0.1:{machine.port}"]
        config["p2p"]["listen"] = [f"127.0.0.1:{machine.p2p_port}"]
        config["p2p"]["advertise"] = f"127.0.0.1:{machine.p2p_port}"
        config["p2p"]["peers"] = [f"127.0.0.1:{each.p2p_port}" for each in others]
        (machine.node / "node.toml").write_text(tomli_w.dumps(config))
        config.pop("coordinator", None)


# ------------------------------------------------------------ the operators


def test_four_machines_make_a_chain_and_each_signs(network: Network) -> None:
    for machine in network.machines:
        wait_for(machine.signs)
    _, status, listed = commands(GUIDE, "4. Start")
    assert "validator, signs" in network.type(status)
    assert all(name in network.type(listed) for name in NAMES)


def test_two_callers_behind_the_proxy_are_counted_apart(network: Network) -> None:
    def left(caller: str) -> str:
        headers = {"X-Forwarded-For": f"203.0.113.9, {caller}"}
        answer = httpx.get(f"{network.north.url}/v1/chain/head", headers=headers, verify=PLAIN_HTTP)
        return answer.headers["ratelimit"].split(";")[1]

    assert [left("192.0.2.1"), left("192.0.2.1"), left("192.0.2.2")] == ["r=999", "r=998", "r=999"]


def test_the_table_of_metrics_is_what_a_node_says(network: Network) -> None:
    text = httpx.get(f"{network.north.url}/metrics", verify=PLAIN_HTTP).text
    said = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    process = {name for name in said if name.startswith("aitbc_process_")}
    said = {name: kind for name, kind in said.items() if not name.endswith("_created")}
    rows = re.findall(r"^\| (`aitbc_\w+`[^|]*) \| (\w+) \|", metrics_page(), re.MULTILINE)
    told = {name: kind for names, kind in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == {name: kind for name, kind in said.items() if name not in process}
    assert process
    alarms = "".join(blocks(GUIDE, "Watching it", "yaml"))
    for name in re.findall(r"aitbc_\w+", alarms):
        assert re.sub(r"_(sum|count)$", "", name) in told


def metrics_page() -> str:
    return (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_table_of_exit_codes_is_the_programs() -> None:
    told = re.findall(r"^\| (\d+) \|", section(GUIDE, "As a service"), re.MULTILINE)
    codes = {Exit.DONE, Exit.REFUSED, Exit.MALFORMED, Exit.ADDRESS_UNAVAILABLE}
    assert set(map(int, told)) == codes | {Exit.DATA_UNUSABLE, Exit.INTERNAL}


# ------------------------------------------------------------ clients and miners


def test_who_pays_in_orders_and_the_miner_takes_its_pay_out(network: Network) -> None:
    register, balance, pay_in = commands("accounts.md", "Paying in")
    network.type(register)
    wallet = json.loads(network.type(f"{balance} --json"))
    network.type(pay_in.replace("ait1…", wallet["address"]))

    miner = network.north.folder / "a-miner"
    miner.mkdir()
    for line in commands("mining.md", "Key and name"):
        network.type(line, miner)
    (run,) = commands("mining.md", "Working")
    for name, here in network.names().items():
        run = run.replace(name, here)
    with ExitStack() as running:
        running.callback(started("miner", run, miner).stop)
        order = "aitbc job run 'Say hello.' --model smollm2-135m --parameter max_tokens=4"
        network.type(
            f"{order} --max-price 0.1 --api-key-file client.key --node {network.north.url}"
        )
        account, statement, take_out = commands("mining.md", "Your pay")
        wait_for(lambda: float(network.type(account, miner).split()[1]))
        assert "job_" in network.type(statement, miner)
        receiver = network.machines[1].key["payout"]
        take_out = take_out.replace("ait1…", receiver).replace("--amount 0.5", "--amount 0.01")
        assert receiver in network.type(take_out, miner)


def test_a_backup_of_the_coordinator_is_taken_while_it_works_and_restored(
    network: Network,
) -> None:
    north = network.north
    key = (north.folder / "client.key").read_text().strip()
    (copy,) = commands(GUIDE, "Backup")
    network.type(copy)
    backup = north.folder / "coordinator-backup.db"
    with closing(sqlite3.connect(backup)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert north.stop() == Exit.DONE
    assert "node_stopped" in (north.folder / "log").read_text().splitlines()[-1]
    for suffix in ("", "-wal", "-shm"):
        (north.node / "data" / f"coordinator.db{suffix}").unlink(missing_ok=True)
    shutil.copy(backup, north.node / "data" / "coordinator.db")
    north.start()
    north.wait_ready()
    headers = {"X-Api-Key": key}
    me = httpx.get(f"{north.url}/v1/clients/me/balance", headers=headers, verify=PLAIN_HTTP)
    assert me.status_code == 200, me.text
