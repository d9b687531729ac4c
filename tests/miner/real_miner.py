"""Real processes for the miner's tests: `aitbc miner run` against a real node on a fixed port."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aitbc import Client, JsonValue, SigningKey
from aitbc.keyfile import load_key_file
from devnet.network.ports import FreePorts
from tests.processes import PASSPHRASE, NodeFolder, NodeProcess, child_environment, start_node

WAIT_SECONDS = 90.0
"""Limit of whatever a test waits for, on a busy machine."""

ALIAS = "llama3.2"


def wait_until(is_so: Callable[[], object], what: Callable[[], str]) -> None:
    """Return when `is_so()` holds; `what` tells what was seen if it never does."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


class MinerProcess:
    """A running `aitbc miner run`; a context manager that leaves no process behind."""

    def __init__(self, folder: Path, node_url: str, passphrase_file: Path, *arguments: str) -> None:
        """Start it in `folder`, under the folder's name; with further arguments if any."""
        self.name = folder.name
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.log_file = folder / "miner.log"
        self._seen = len(self.log_file.read_bytes()) if self.log_file.exists() else 0
        command = [sys.executable, "-m", "cli.main", "miner", "run", "--json-log"]
        command += ["--name", self.name, "--node", node_url, "--directory", str(folder)]
        command += ["--passphrase-file", str(passphrase_file), "--alias", ALIAS]
        command += arguments
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=log, env=child_environment()
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def key(self) -> SigningKey:
        """The miner's own key."""
        return load_key_file(self.folder / "miner-key.json", PASSPHRASE.encode(), "miner")

    @property
    def spooled(self) -> list[str]:
        """Names of the entries in its spool."""
        return [path.name for path in (self.folder / "spool").glob("*.json")]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what this process logged under a name."""
        lines = self.log_file.read_bytes()[self._seen :].splitlines(keepends=True)
        told = [json.loads(line) for line in lines if line.startswith(b"{") and line[-1:] == b"\n"]
        return [line for line in told if line["event"] == name]

    def wait_for(self, name: str, **fields: object) -> None:
        """Return when it has logged an event with these fields."""

        def is_logged() -> bool:
            found = any(fields.items() <= line.items() for line in self.events(name))
            assert found or self.process.poll() is None, self.told()
            return found

        wait_until(is_logged, lambda: f"no {name!r} {fields}: {self.told()}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_end(self) -> int:
        return self.process.wait(WAIT_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_SECONDS)

    def told(self) -> str:
        return self.log_file.read_text(errors="replace")[-4_000:]


class Site:
    """A node on a port of its own that can be killed and started again, and a client of it."""

    def __init__(self, root: Path) -> None:
        """Make the folder; `start` starts the node."""
        port = FreePorts().take()
        self.root = root
        self.url = f"http://127.0.0.1:{port}"
        quotas = dict.fromkeys(("submit", "status", "result", "other"), 100_000)
        self.folder = NodeFolder(
            root / "node",
            sections={"http": {"listen": [f"127.0.0.1:{port}"], "quotas": quotas}},
            with_coordinator=True,
        )
        self.client = Client(self.url)
        self.node: NodeProcess | None = None

    def start(self) -> None:
        self.node = start_node(self.folder)

    def kill(self) -> None:
        """End the node as a power cut would."""
        assert self.node is not None
        self.node.kill()

    def close(self) -> None:
        self.client.close()
        if self.node is not None and self.node.process.poll() is None:
            self.node.kill()

    def miner(self, name: str, *arguments: str) -> MinerProcess:
        """Start a miner, with further arguments if any."""
        passphrase_file = self.folder.passphrase_file
        return MinerProcess(self.root / name, self.url, passphrase_file, *arguments)

    def ask(self, prompt: str, **parameters: JsonValue) -> str:
        """Order an answer, and return the job's id."""
        wanted: dict[str, JsonValue] = {"max_tokens": 8, "temperature": 0.0, **parameters}
        payload: dict[str, JsonValue] = {"prompt": prompt, "model": ALIAS, "parameters": wanted}
        return str(self.client.submit_job(payload)["job_id"])

    def settled_payment(self, job_id: str) -> dict[str, Any]:
        """Wait until a job's escrow is paid out or given back, and return the payment."""
        found: dict[str, Any] = {}

        def is_settled() -> bool:
            found.update(self.client.get_payment(job_id))
            return found["status"] in {"released", "refunded"}

        wait_until(is_settled, lambda: f"payment is {found}")
        return found

    def aitbc(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of `aitbc` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments, "--node", self.url],
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
            env=child_environment() | {"COLUMNS": "100"},
        )
