"""A node of its own process and pre-signed transfers for it, for `bench/node.py`."""

import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import tomli_w

from aitbc import ChainTags, SigningKey, action_array, sign_transaction
from devnet.network.processes import ManagedProcess
from genesis import (
    Allocation,
    GenesisSpec,
    GenesisValidator,
    build_genesis,
    genesis_text,
    prove_possession,
)
from ledger.params import Parameters
from node.keyfile import KeyCost, Role, create_key_file, load_key

CHAIN_NAME = "bench"
BALANCE_NAIT = 10**15
FEE_NAIT = 10_000
"""Above the fee of a transfer between accounts that exist."""

VALIDITY_MS = 500_000
"""Pre-signed transactions stay valid through all runs of a benchmark."""

START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Bench:
    """A running node and the accounts that it knows."""

    url: str
    """Address of its API."""
    tags: ChainTags
    """Tags of its chain."""
    keys: Sequence[SigningKey]
    """Funded accounts."""

    def transfers(self, count: int) -> list[bytes]:
        """Sign `count` transfers of one nait, round robin over the accounts."""
        valid_until_ms = time.time_ns() // 1_000_000 + VALIDITY_MS
        signed = []
        for index in range(count):
            sender = self.keys[index % len(self.keys)]
            receiver = self.keys[(index * 7 + 1) % len(self.keys)]
            action = action_array("transfer", to=receiver.address, amount=1)
            signed.append(
                sign_transaction(
                    self.tags, sender, action, fee=FEE_NAIT, valid_until_ms=valid_until_ms
                ).signed
            )
        return signed


@contextmanager
def running_node(folder: Path, accounts: int, port: int) -> Iterator[Bench]:
    """Run a validator with `accounts` funded accounts below `folder` until the block ends."""
    passphrase = secrets.token_urlsafe(16).encode()
    passphrase_file = folder / "passphrase"
    passphrase_file.touch(0o600)
    passphrase_file.write_bytes(passphrase)
    key_file = folder / "validator.json"
    create_key_file(key_file, Role.VALIDATOR, passphrase, KeyCost(ops=1, mem_kib=8_192))
    validator = load_key(key_file, Role.VALIDATOR, passphrase)
    keys = [SigningKey.generate() for _ in range(accounts)]
    genesis = build_genesis(
        GenesisSpec(
            name=CHAIN_NAME,
            timestamp_ms=time.time_ns() // 1_000_000,
            validators=(
                GenesisValidator(
                    name="validator-1",
                    public_key=validator.public_key,
                    payout=keys[0].address,
                    possession_proof=prove_possession(validator, CHAIN_NAME),
                ),
            ),
            allocations=tuple(Allocation(key.address, BALANCE_NAIT) for key in keys),
            parameters=Parameters(),
        )
    )
    (folder / "genesis.json").write_bytes(genesis_text(genesis))
    config = {
        "data_directory": str(folder / "data"),
        "genesis": str(folder / "genesis.json"),
        "validator": {"key_file": str(key_file), "passphrase_file": str(passphrase_file)},
        "http": {"listen": [f"127.0.0.1:{port}"], "quotas": {"other": 1_000_000}},
        "log": {"level": "warning"},
    }
    (folder / "config.toml").write_text(tomli_w.dumps(config))
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "cli.main", "node", "run"]
    command += ["--config", str(folder / "config.toml")]
    process = ManagedProcess("node", command, folder / "node.log")
    try:
        process.wait_until(lambda: _answers(url), START_TIMEOUT_S)
        yield Bench(url, ChainTags(genesis.chain_id, genesis.digest), keys)
    finally:
        process.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5.0).is_success
    except httpx.TransportError:
        return False
