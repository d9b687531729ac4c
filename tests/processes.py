"""Real processes for tests: provision a folder, start a node on free ports, stop it by its pid."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import tomli_w

from devnet.network.bytecode import keeping_byte_code
from devnet.network.node import PLAIN_HTTP
from genesis import (
    Allocation,
    Genesis,
    GenesisCoordinator,
    GenesisSpec,
    GenesisValidator,
    build_genesis,
    genesis_text,
    prove_possession,
)
from ledger.keys import KeyPair, parse_address
from ledger.params import NAIT_PER_AITBC, Parameters
from node.keyfile import KeyCost, Role, create_key_file, load_key
from tests.warm_start import ForkedProcess, can_fork

READY_SECONDS = 60.0
"""Limit of a start on a busy machine."""

STOP_SECONDS = 30.0
"""Limit of an orderly stop on a busy machine."""

PASSPHRASE = "a passphrase of tests only"
RICHES = 1_000_000 * NAIT_PER_AITBC


def child_environment() -> dict[str, str]:
    """Return this process's environment for a node of a test."""
    return keeping_byte_code(os.environ)


@dataclass
class NodeFolder:
    """Keys, genesis and configuration of a chain of one validator.

    Args:
        root: an empty folder.
        accounts: keys that own `RICHES` from the first block on.
        parameters: of the chain.
        sections: members of the configuration besides those that every node needs.
        with_coordinator: whether the node coordinates, as a devnet does.
    """

    root: Path
    accounts: tuple[KeyPair, ...] = ()
    parameters: Parameters = field(default_factory=Parameters)
    sections: dict[str, Any] = field(default_factory=dict)
    with_coordinator: bool = False

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.passphrase_file = self.root / "passphrase"
        self.passphrase_file.write_text(PASSPHRASE + "\n")
        self.passphrase_file.chmod(0o600)
        self.config_file = self.root / "node.toml"
        self.genesis = self._genesis()
        (self.root / "genesis.json").write_bytes(genesis_text(self.genesis))
        self.config_file.write_text(tomli_w.dumps(self._config()))

    def key_file(self, name: str) -> Path:
        return self.root / f"{name}.key"

    def key(self, name: str, role: Role) -> KeyPair:
        return load_key(self.key_file(name), role, PASSPHRASE.encode())

    @property
    def data(self) -> Path:
        return self.root / "data"

    def _new_address(self, name: str, role: Role) -> bytes:
        cost = KeyCost(ops=1, mem_kib=8)
        made = create_key_file(self.key_file(name), role, PASSPHRASE.encode(), cost)
        return parse_address(made.address)

    def _genesis(self) -> Genesis:
        for name, role in (
            ("validator", Role.VALIDATOR),
            ("payout", Role.ACCOUNT),
            ("coordinator", Role.COORDINATOR),
            ("faucet", Role.ACCOUNT),
        ):
            self._new_address(name, role)
        validator = self.key("validator", Role.VALIDATOR)
        coordinator = self.key("coordinator", Role.COORDINATOR).address
        faucet = self.key("faucet", Role.ACCOUNT).address
        owners = [*(account.address for account in self.accounts), coordinator, faucet]
        spec = GenesisSpec(
            name="tests",
            timestamp_ms=time.time_ns() // 1_000_000 - 1_000,
            validators=(
                GenesisValidator(
                    "alone",
                    validator.public_key,
                    self.key("payout", Role.ACCOUNT).address,
                    prove_possession(validator, "tests"),
                ),
            ),
            coordinators=(GenesisCoordinator("main", coordinator),),
            allocations=tuple(Allocation(owner, RICHES) for owner in owners),
            parameters=self.parameters,
            buckets=256,
        )
        return build_genesis(spec)

    def _config(self) -> dict[str, Any]:
        key = {"key_file": "validator.key", "passphrase_file": "passphrase"}
        config: dict[str, Any] = {
            "genesis": "genesis.json",
            "data_directory": "data",
            "environment": "tests",
            "validator": key,
            "http": {"listen": ["127.0.0.1:0"]},
            "log": {"format": "json", "level": "debug"},
            "signatures": {"workers": 1},
        }
        if self.with_coordinator:
            config["coordinator"] = {
                "key_file": "coordinator.key",
                "passphrase_file": "passphrase",
                "faucet_key_file": "faucet.key",
                "devnet": True,
                "webhooks_to_loopback": True,
            }
        # A process of its own for each index would start as slowly as a node.
        store = {"index_in": "thread", **self.sections.get("store", {})}
        return {**config, **self.sections, "store": store}


class NodeProcess:
    """A running `aitbc node run`; a context manager that leaves no process behind."""

    def __init__(
        self,
        folder: NodeFolder,
        environment: dict[str, str] | None = None,
        options: Sequence[str] = (),
        *,
        module: str = "cli.main",
        is_warm: bool = True,
    ) -> None:
        """Start it; returns at once, see `wait_ready`.

        Args:
            folder: of the node.
            environment: variables besides this process's.
            options: of `aitbc node run`, besides the configuration.
            module: what is run in the place of the command `aitbc`.
            is_warm: whether it may begin with its modules loaded, see `tests.warm_start`.
        """
        self.folder = folder
        self.log_file = folder.root / "node.log"
        self.output = b""
        self.ready: dict[str, Any] = {}
        arguments = ["node", "run", "--json", "--config", str(folder.config_file), *options]
        own = {**child_environment(), **(environment or {})}
        self.process: ForkedProcess | subprocess.Popen[bytes]
        with self.log_file.open("ab") as log:
            if is_warm and module == "cli.main" and can_fork() and "LD_PRELOAD" not in own:
                self.process = ForkedProcess(arguments, own, stderr=log)
            else:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", module, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=own,
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        self.close()

    @property
    def url(self) -> str:
        """Base URL of the first address."""
        url: str = self.ready["urls"][0]
        return url

    def wait_ready(self) -> Self:
        """Return when the node says that it answers.

        Raises:
            AssertionError: it ended instead, or the time is over.
        """
        deadline = time.monotonic() + READY_SECONDS
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.output:
                assert selector.select(deadline - time.monotonic()), self.told("not ready in time")
                piece = os.read(self.process.stdout.fileno(), 65_536)
                assert piece, self.told(f"ended with {self.process.wait(STOP_SECONDS)}")
                self.output += piece
        self.ready = json.loads(self.output.partition(b"\n")[0])
        return self

    def wait_end(self) -> int:
        """Return the exit code of a node that ends by itself."""
        assert self.process.stdout is not None
        code = self.process.wait(STOP_SECONDS)
        self.close()
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(number)
        return self.wait_end()

    def kill(self) -> None:
        """End it as a power cut would, but for what the kernel holds."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        self.close()

    def close(self) -> None:
        """Keep what it still said, and close the pipe."""
        if self.process.stdout is not None and not self.process.stdout.closed:
            self.output += self.process.stdout.read() or b""
            self.process.stdout.close()

    def told(self, what: str) -> str:
        """Return a text for a failed assertion: what happened, and the end of the log."""
        tail = self.log_file.read_text(errors="replace")[-4_000:]
        return f"the node {what}; its log ends:\n{tail}"

    def client(self, timeout_s: float = 30.0) -> httpx.Client:
        """Return a client of the node; the caller closes it."""
        return httpx.Client(base_url=self.url, timeout=timeout_s, verify=PLAIN_HTTP)


def start_node(
    folder: NodeFolder, environment: dict[str, str] | None = None, *, is_warm: bool = True
) -> NodeProcess:
    """Start a node and wait until it answers; use it in a `with` statement."""
    node = NodeProcess(folder, environment, is_warm=is_warm)
    try:
        return node.wait_ready()
    except BaseException:
        node.__exit__(None, None, None)
        raise
