"""anvil, a development chain for Ethereum contracts: installed, started, and given a load.

It is installed by npm into a folder that is no part of the repository, pinned by version and digest
in `anvil_package/package-lock.json`. It keeps its chain in memory and has no consensus: by its own
rules, a transaction is final when it is in a block.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from bench.load import plain_client
from bench.machine import ROOT
from devnet.network.ports import FreePorts
from devnet.network.processes import ManagedProcess

PACKAGE: Final = Path(__file__).resolve().parent / "anvil_package"
"""What npm is given."""

FOLDER: Final = ROOT / ".bench" / "anvil"
"""Where it is installed."""

INSTALL_LIMIT_S: Final = 300.0
"""Limit of the installation."""

SIGN_LIMIT_S: Final = 600.0
"""Limit of signing a load."""

START_LIMIT_S: Final = 60.0
"""Limit of a start."""

PROGRAM: Final = "@foundry-rs/anvil-linux-amd64/bin/anvil"
"""Where it is below the installed packages; there is a pinned one for Linux on x86-64 only."""

CHAIN_ID: Final = 31_337
"""Its usual chain id."""

BALANCE_WEI: Final = 10**24
"""What each account has."""

GAS_LIMIT: Final = 10**12
"""Of a block: never what bounds it."""

POLL_S: Final = 0.005
"""Between two questions whether a batch is in a block."""

NO_MINING: Final = "--no-mining"
"""Its option to make a block only when it is asked to."""

FEWER: Final = "its blocks cost ever more as they grow in number; try fewer --transactions"

BLOCK_LIMIT_S: Final = 60.0
"""Limit until what was sent is in a block; some ways to make blocks never take the last."""


class AnvilUnavailable(Exception):
    """It cannot be run on this machine; says why."""

    def __init__(self, reason: str, exit_code: int) -> None:
        """Say why.

        Args:
            reason: what is missing, and what to do.
            exit_code: of the command, as those of ``./dev``: 2 is asked for wrongly, 3 lacks a
                program, 4 cannot install; 1 where it runs and does not keep up.
        """
        super().__init__(reason)
        self.exit_code = exit_code


class _Reply(msgspec.Struct):
    id: int
    result: Any = None
    error: Any = None


_replies: Final = msgspec.json.Decoder(list[_Reply])


class Anvil:
    """A running anvil and transfers that were signed for it."""

    def __init__(
        self, url: str, transactions: Sequence[str], batch: int, *, asks_for_blocks: bool = False
    ) -> None:
        """Name what runs; `running_anvil` starts it."""
        self.url = url
        self.transactions = transactions
        self._batch = batch
        self._asks_for_blocks = asks_for_blocks

    def send(self, client: httpx.Client, number: int) -> int:
        """Send a batch, and return its size when the last of it is in a block.

        Others of it may still wait, since anvil takes them in any order: a receipt costs it much,
        so that asking for all of them would halve its rate. `wait_for_all` waits for those.

        Raises:
            RuntimeError: one of them was refused.
            AnvilUnavailable: it does not answer, or they are in no block, for too long.
        """
        first = number * self._batch
        batch = self.transactions[first : first + self._batch]
        last = self._call(client, "eth_sendRawTransaction", batch)[-1:]
        self._wait(
            lambda: self._call(client, "eth_getTransactionReceipt", last)[0] is not None, client
        )
        return len(batch)

    def wait_for_all(self, client: httpx.Client) -> None:
        """Wait until its blocks hold everything that was signed: a lost transfer is no fast one.

        Raises:
            AnvilUnavailable: they do not, for too long.
        """
        expected = len(self.transactions)
        self._wait(lambda: self._count_in_blocks(client) == expected, client)

    def _wait(self, is_there: Callable[[], bool], client: httpx.Client) -> None:
        """Wait for something, asking for blocks where it makes none by itself."""
        deadline = time.monotonic() + BLOCK_LIMIT_S
        while True:
            if self._asks_for_blocks:
                self._call(client, "evm_mine", [None])
            if is_there():
                return
            if time.monotonic() > deadline:
                raise AnvilUnavailable(f"anvil has some in no block in time: {FEWER}", 1)
            if not self._asks_for_blocks:
                time.sleep(POLL_S)

    def height(self, client: httpx.Client) -> int:
        """Return the number of its newest block."""
        return int(self._call(client, "eth_blockNumber", [None])[0], 16)

    def _count_in_blocks(self, client: httpx.Client) -> int:
        height = self.height(client)
        total = 0
        for first in range(0, height + 1, self._batch):
            heights = [hex(each) for each in range(first, min(first + self._batch, height + 1))]
            counts = self._call(client, "eth_getBlockTransactionCountByNumber", heights)
            total += sum(int(count, 16) for count in counts)
        return total

    def _call(
        self, client: httpx.Client, method: str, arguments: Sequence[str | None]
    ) -> list[Any]:
        """Return the results of a batch of calls with one argument each, in order."""
        calls = [
            {"jsonrpc": "2.0", "id": at, "method": method, "params": [each] if each else []}
            for at, each in enumerate(arguments)
        ]
        try:
            answer = client.post(self.url, json=calls)
        except httpx.TimeoutException:
            raise AnvilUnavailable(f"anvil does not answer {method} in time: {FEWER}", 1) from None
        answer.raise_for_status()
        replies = sorted(_replies.decode(answer.content), key=lambda reply: reply.id)
        for reply in replies:
            if reply.error is not None:
                raise RuntimeError(f"anvil refused {method}: {reply.error}")
        return [reply.result for reply in replies]


def install() -> Path:
    """Install the pinned packages unless they are there; return the program.

    Raises:
        AnvilUnavailable: npm is missing or cannot install them, as on another kind of machine.
    """
    if not shutil.which("npm") or not shutil.which("node"):
        raise AnvilUnavailable("node and npm are needed to install anvil; neither is started", 3)
    lock = (PACKAGE / "package-lock.json").read_bytes()
    mark = FOLDER / "installed"
    if not mark.exists() or mark.read_bytes() != lock:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for each in ("package.json", "package-lock.json", "sign.mjs"):
            shutil.copyfile(PACKAGE / each, FOLDER / each)
        # Scripts of packages do not run: the program comes as a file of a package.
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        _run(command, None, INSTALL_LIMIT_S, "npm could not install anvil")
        mark.write_bytes(lock)
    shutil.copyfile(PACKAGE / "sign.mjs", FOLDER / "sign.mjs")
    return FOLDER / "node_modules" / PROGRAM


def sign(
    accounts: int, count: int, batch: int, connections: int, processes: int
) -> tuple[list[str], list[str]]:
    """Return the addresses of all accounts and signed transfers between them.

    An account's transfers have an order, so those of one account are in batches of one connection.

    Args:
        accounts: all of them send; as many as connections, at least.
        count: transfers.
        batch: transfers in a request.
        connections: request N goes over connection N modulo this.
        processes: how many sign at once.
    """
    size = -(-count // processes)

    def part(first: int) -> dict[str, list[str]]:
        wish = {
            "accounts": accounts,
            "connections": connections,
            "batch": batch,
            "first": first,
            "count": min(size, count - first),
            "chainId": CHAIN_ID,
        }
        command = ["node", "sign.mjs"]
        text = _run(command, json.dumps(wish), SIGN_LIMIT_S, "the transfers could not be signed")
        found: dict[str, list[str]] = json.loads(text)
        return found

    with ThreadPoolExecutor(processes) as pool:
        parts = list(pool.map(part, range(0, count, size)))
    return parts[0]["addresses"], [each for found in parts for each in found["transactions"]]


@contextmanager
def running_anvil(
    program: Path,
    folder: Path,
    signed: tuple[list[str], list[str]],
    batch: int,
    options: Sequence[str] = (),
) -> Iterator[Anvil]:
    """Run it until the block ends.

    Args:
        program: from `install`.
        folder: for its genesis and its log.
        signed: addresses to fund and transfers to send, from `sign`.
        batch: transfers in a request.
        options: more of its own options, such as when it makes blocks.
    """
    addresses, transactions = signed
    port = FreePorts().take()
    genesis = folder / "genesis.json"
    genesis.write_text(json.dumps(_genesis(addresses)))
    chosen = ["--host", "127.0.0.1", "--port", str(port), "--init", str(genesis)]
    # As fast as it goes: no log, blocks and requests of any size.
    chosen += ["--quiet", "--gas-limit", str(GAS_LIMIT)]
    chosen += ["--no-request-size-limit", *options]
    process = ManagedProcess("anvil", [str(program), *chosen], folder / "anvil.log")
    url = f"http://127.0.0.1:{port}"
    anvil = Anvil(url, transactions, batch, asks_for_blocks=NO_MINING in options)
    try:
        with plain_client() as client:
            process.wait_until(lambda: _answers(anvil, client), START_LIMIT_S)
        yield anvil
    finally:
        process.stop()


def version_of(program: Path) -> str:
    """Return the version that the program says it has."""
    text = _run([str(program), "--version"], None, START_LIMIT_S, "anvil does not start")
    return text.partition("\n")[0].removeprefix("anvil Version: ")


def _answers(anvil: Anvil, client: httpx.Client) -> bool:
    try:
        anvil.height(client)
    except httpx.TransportError:
        return False
    return True


def _genesis(addresses: Sequence[str]) -> dict[str, object]:
    zero = "0x" + "00" * 32
    return {
        "config": {"chainId": CHAIN_ID},
        "nonce": "0x0",
        "timestamp": hex(int(time.time())),
        "extraData": "0x",
        "gasLimit": hex(GAS_LIMIT),
        "difficulty": "0x0",
        "mixHash": zero,
        "coinbase": "0x" + "00" * 20,
        "parentHash": zero,
        "number": "0x0",
        "gasUsed": "0x0",
        "alloc": {address: {"balance": hex(BALANCE_WEI)} for address in addresses},
    }


def _run(command: Sequence[str], given: str | None, limit_s: float, failure: str) -> str:
    """Run a program in the folder of the packages and return what it prints.

    Raises:
        AnvilUnavailable: it fails, with the beginning of what it said.
    """
    try:
        done = subprocess.run(
            list(command),
            cwd=FOLDER,
            input=given,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AnvilUnavailable(f"{failure}: {error}", 4) from None
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[:8])
        raise AnvilUnavailable(f"{failure} (exit code {done.returncode}):\n{said}", 4)
    return done.stdout
