"""Makes what a new devnet needs: keys, genesis and configuration, all below its directory.

Keys are encrypted like everywhere, under a passphrase that lies beside them: a devnet's units are
worth nothing, and the code that reads keys is the one that validators run.
"""

import os
import secrets
from pathlib import Path

import tomli_w

from devnet.network.directory import DevnetDirectory
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
from ledger.keys import parse_address
from ledger.params import NAIT_PER_AITBC, Parameters
from node.keyfile import KeyCost, KeyFile, Role, create_key_file, load_key

CHAIN_NAME = "devnet"
FAUCET_AITBC = 1_000_000_000
"""Units of the faucet, from which clients of the devnet are funded."""

COORDINATOR_AITBC = 1_000_000
"""Units of the coordinator, which pays for the registration of miners."""

EPOCH_MS = 30_000
"""Length of a devnet's epoch (E3)."""

BUCKETS = 4_096
"""Buckets of a devnet's state tree: few accounts, so a small tree starts faster."""

KEY_COST = KeyCost(ops=1, mem_kib=8_192)
"""Cheap passphrase guessing: the passphrase lies beside the keys, and a start should be quick."""


def provision(directory: DevnetDirectory, ports: tuple[int, ...], timestamp_ms: int) -> Genesis:
    """Make a new devnet in an empty directory, and return its genesis.

    Args:
        directory: where; its lock is held.
        ports: ports of the API, the first is the one that links show.
        timestamp_ms: time of block 0.
    """
    for folder in (directory.keys, directory.node, directory.miner, directory.logs):
        folder.mkdir(parents=True, exist_ok=True)
    directory.keys.chmod(0o700)
    passphrase = secrets.token_urlsafe(24).encode()
    _write_private(directory.passphrase, passphrase + b"\n")
    genesis = build_genesis(_spec(directory, passphrase, timestamp_ms))
    directory.genesis.write_bytes(genesis_text(genesis))
    write_node_config(directory, ports)
    directory.mark_provisioned()
    return genesis


def write_node_config(directory: DevnetDirectory, ports: tuple[int, ...]) -> None:
    """Write the node's configuration; done at every start, since ports may differ."""
    listen = [f"{host}:{port}" for port in ports for host in ("127.0.0.1", "[::1]")]
    config = {
        "data_directory": str(directory.node),
        "genesis": str(directory.genesis),
        "validator": {
            "key_file": str(directory.key_file("validator-1")),
            "passphrase_file": str(directory.passphrase),
        },
        "http": {"listen": listen},
        "coordinator": {
            "key_file": str(directory.key_file("coordinator")),
            "passphrase_file": str(directory.passphrase),
            "devnet": True,
            "faucet_key_file": str(directory.key_file("faucet")),
        },
        "environment": "devnet",
        "check_invariants": True,
        "log": {"format": "console", "level": "info"},
    }
    (directory.node / "config.toml").write_text(tomli_w.dumps(config))


def _spec(directory: DevnetDirectory, passphrase: bytes, timestamp_ms: int) -> GenesisSpec:
    def new_key(name: str, role: Role) -> KeyFile:
        return create_key_file(directory.key_file(name), role, passphrase, KEY_COST)

    new_key("validator-1", Role.VALIDATOR)
    payout = parse_address(new_key("payout-1", Role.ACCOUNT).address)
    coordinator = parse_address(new_key("coordinator", Role.COORDINATOR).address)
    faucet = parse_address(new_key("faucet", Role.ACCOUNT).address)
    validator = load_key(directory.key_file("validator-1"), Role.VALIDATOR, passphrase)
    return GenesisSpec(
        name=CHAIN_NAME,
        timestamp_ms=timestamp_ms,
        validators=(
            GenesisValidator(
                name="validator-1",
                public_key=validator.public_key,
                payout=payout,
                possession_proof=prove_possession(validator, CHAIN_NAME),
            ),
        ),
        coordinators=(GenesisCoordinator("coordinator-1", coordinator),),
        allocations=(
            Allocation(faucet, FAUCET_AITBC * NAIT_PER_AITBC),
            Allocation(coordinator, COORDINATOR_AITBC * NAIT_PER_AITBC),
        ),
        parameters=Parameters(epoch_ms=EPOCH_MS),
        buckets=BUCKETS,
    )


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
