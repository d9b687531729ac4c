"""A network of real node processes for tests: keys, genesis, folders, start, kill, stop.

::

    with TestNetwork(folder, accounts=(ALICE,)) as network:
        network.start_all()
        wallet = Wallet.on(network.clients[0], ALICE)
        ...
        network[2].kill()
        network.start(2)
"""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import httpx
import tomli_w

from devnet.network.ports import FreePorts
from genesis import (
    Allocation,
    GenesisCoordinator,
    GenesisSpec,
    GenesisValidator,
    build_genesis,
    genesis_text,
    prove_possession,
)
from ledger.keys import KeyPair
from ledger.params import Parameters
from node import disturbances
from node.keyfile import KeyCost, Role, create_key_file, load_key
from tests.processes import PASSPHRASE, RICHES, NodeFolder, NodeProcess
from tests.wallets import Wallet, chain_time_ms

WAIT_SECONDS = 60.0
"""Limit of everything that is waited for, on a busy machine."""

NAME = "tests"


@dataclass
class Member:
    """The folder of one node, as `NodeProcess` takes it."""

    root: Path
    name: str
    p2p_port: int
    config: dict[str, Any]
    key: KeyPair | None = None
    """Validator key; None for a follower."""

    @property
    def config_file(self) -> Path:
        return self.root / "node.toml"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def write(self) -> None:
        self.config_file.write_text(tomli_w.dumps(self.config))

    def lose_data(self) -> None:
        """Remove all that the stopped node knew, its journal included."""
        shutil.rmtree(self.data)


@dataclass
class TestNetwork:
    """Validators and followers as processes; a context manager that leaves none behind.

    Args:
        root: an empty folder.
        validators: nodes that the genesis names.
        followers: nodes without a validator's key, which dial the validators.
        spare: nodes with a validator's key that the genesis does not name.
        accounts: keys that own `RICHES` from the first block on.
        parameters: of the chain.
        sections: members of every node's configuration besides those that it needs.
        is_time_ours: whether all nodes' wall clocks follow `pass_time` besides the machine's.
    """

    __test__ = False

    root: Path
    validators: int = 4
    followers: int = 0
    spare: int = 0
    accounts: tuple[KeyPair, ...] = ()
    parameters: Parameters = field(default_factory=Parameters)
    sections: dict[str, Any] = field(default_factory=dict)
    is_time_ours: bool = False

    def __post_init__(self) -> None:
        self._passed_ms = 0
        if self.is_time_ours:
            self.sections = {**self.sections, "failpoints": True}
        names = [f"validator-{at}" for at in range(self.validators)]
        names += [f"spare-{at}" for at in range(self.spare)]
        names += [f"follower-{at}" for at in range(self.followers)]
        free = FreePorts()
        ports = [free.take() for _ in names]
        self.members = [
            self._member(name, port, ports[: self.validators])
            for name, port in zip(names, ports, strict=True)
        ]
        self.processes: dict[int, NodeProcess] = {}
        self.clients: dict[int, httpx.Client] = {}
        self._write_genesis()

    # ------------------------------------------------------------ folders

    def _member(self, name: str, port: int, validator_ports: list[int]) -> Member:
        root = self.root / name
        root.mkdir(parents=True)
        (root / "passphrase").write_text(PASSPHRASE + "\n")
        (root / "passphrase").chmod(0o600)
        config: dict[str, Any] = {
            "genesis": "../genesis.json",
            "data_directory": "data",
            "environment": "tests",
            "http": {"listen": ["127.0.0.1:0"], "quotas": {"other": 1_000_000}},
            "p2p": {
                "listen": [f"127.0.0.1:{port}"],
                "peers": [f"127.0.0.1:{other}" for other in validator_ports if other != port],
            },
            "log": {"format": "json", "level": "debug"},
            "signatures": {"workers": 0},
            **self.sections,
            "store": {"index_in": "thread", **self.sections.get("store", {})},
        }
        key = None
        if not name.startswith("follower"):
            key = self._new_key(root / "validator.key", Role.VALIDATOR)
            config["validator"] = {"key_file": "validator.key", "passphrase_file": "passphrase"}
        made = Member(root, name, port, config, key)
        made.write()
        return made

    def _new_key(self, path: Path, role: Role) -> KeyPair:
        create_key_file(path, role, PASSPHRASE.encode(), KeyCost(ops=1, mem_kib=8))
        return load_key(path, role, PASSPHRASE.encode())

    def _write_genesis(self) -> None:
        coordinator = self._new_key(self.root / "coordinator.key", Role.COORDINATOR)
        spec = GenesisSpec(
            name=NAME,
            timestamp_ms=time.time_ns() // 1_000_000,
            validators=tuple(
                GenesisValidator(
                    member.name,
                    member.key.public_key,
                    KeyPair(bytes([100 + at]) * 32).address,
                    prove_possession(member.key, NAME),
                )
                for at, member in enumerate(self.members[: self.validators])
                if member.key
            ),
            coordinators=(GenesisCoordinator("main", coordinator.address),),
            allocations=tuple(Allocation(key.address, RICHES) for key in self.accounts),
            parameters=self.parameters,
            buckets=256,
        )
        self.genesis = build_genesis(spec)
        (self.root / "genesis.json").write_bytes(genesis_text(self.genesis))

    # ------------------------------------------------------------ processes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self.clients.values():
            client.close()
        for process in self.processes.values():
            process.__exit__(None, None, None)

    def __getitem__(self, number: int) -> NodeProcess:
        return self.processes[number]

    def launch(self, number: int, *options: str) -> NodeProcess:
        """Start a node, again if need be, without waiting for it."""
        # A member has what a process needs of a folder: where it is, and its configuration.
        environment = {disturbances.VARIABLE: str(self._clock_file)} if self.is_time_ours else {}
        process = NodeProcess(cast("NodeFolder", self.members[number]), environment, options)
        self.processes[number] = process
        return process

    def start(self, number: int, *options: str) -> NodeProcess:
        """Start a node, again if need be, and wait until it answers."""
        return self._ready(number, self.launch(number, *options))

    def start_all(self) -> None:
        """Start all nodes, at once."""
        self.start_again(range(len(self.members)))

    def start_again(self, numbers: Iterable[int]) -> None:
        """Start some nodes that do not run, at once."""
        launched = {number: self.launch(number) for number in numbers}
        for number, process in launched.items():
            self._ready(number, process)

    def _ready(self, number: int, process: NodeProcess) -> NodeProcess:
        process.wait_ready()
        old = self.clients.pop(number, None)
        if old:
            old.close()
        self.clients[number] = process.client(timeout_s=WAIT_SECONDS)
        return process

    def stop_all(self) -> None:
        """Ask all nodes to end, at once, and check that they end well."""
        for process in self.processes.values():
            process.process.terminate()
        for process in self.processes.values():
            assert process.wait_end() == 0, process.told("did not end well")

    # ------------------------------------------------------------ time

    @property
    def _clock_file(self) -> Path:
        return self.root / "disturbances.toml"

    def pass_time(self, by_ms: int) -> None:
        """Let the wall clocks of all nodes jump ahead at once."""
        assert self.is_time_ours
        self._passed_ms += by_ms
        new = self._clock_file.with_suffix(".new")
        new.write_text(f"wall_offset_ms = {self._passed_ms}\n")
        new.replace(self._clock_file)

    # ------------------------------------------------------------ questions

    def status(self, number: int) -> dict[str, Any]:
        """Return what a node says of where it stands."""
        answer = self.clients[number].get("/v1/chain/status").raise_for_status()
        status: dict[str, Any] = answer.json()
        return status

    def height(self, number: int) -> int:
        """Return a node's final height."""
        height: int = self.status(number)["height"]
        return height

    def wallet(self, key: KeyPair, number: int = 0) -> Wallet:
        """Return an account of the chain."""
        return Wallet.on(self.clients[number], key)

    def submit(self, number: int, signed: bytes, *, wait: bool = True) -> dict[str, Any]:
        """Submit a transaction to a node; by default wait until it is final there."""
        answer = self.clients[number].post(
            "/v1/chain/transactions",
            json={"transaction": signed.hex()},
            params={"wait": "final"} if wait else {},
        )
        outcome: dict[str, Any] = answer.raise_for_status().json()
        return outcome

    def transfer(self, number: int, wallet: Wallet, to: bytes, amount: int = 1) -> dict[str, Any]:
        """Have a transfer final through a node, and return its outcome."""
        signed = wallet.transfer(to, amount, chain_time_ms(self.clients[number]))
        outcome = self.submit(number, signed)
        assert outcome["status"] == "final", self.told(f"{outcome} at node {number}")
        return outcome

    def block_id(self, number: int, height: int) -> str:
        """Return the id of a final block."""
        answer = self.clients[number].get(f"/v1/chain/blocks/{height}").raise_for_status()
        block_id: str = answer.json()["block_id"]
        return block_id

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Look again and again until something holds.

        Raises:
            AssertionError: it does not within `WAIT_SECONDS`.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < deadline, self.told(what)
            time.sleep(0.02)  # Pace of polling; nothing is synchronised by it.

    def wait_height(self, number: int, height: int) -> None:
        """Wait until a node's final height is at least this."""
        self.wait_until(
            lambda: self.height(number) >= height, f"node {number} did not reach {height}"
        )

    def told(self, what: str) -> str:
        """Return a text for a failed assertion: where all nodes stand, and where their logs are."""
        lines = [what]
        for number, process in self.processes.items():
            with contextlib.suppress(httpx.HTTPError):
                lines.append(f"{self.members[number].name}: {self.status(number)}")
            lines.append(str(process.log_file))
        return "\n".join(lines)


def running(network: TestNetwork) -> Iterator[TestNetwork]:
    """Yield a network that is up; for fixtures. Checks that it ends well."""
    with network:
        network.start_all()
        yield network
        network.stop_all()
