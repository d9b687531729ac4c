"""Makes what a new network needs: keys, genesis and configuration, all below its directory.

Keys are encrypted like everywhere, under a passphrase that lies beside them: a devnet's units are
worth nothing, and the code that reads keys is the one that validators run.
"""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devnet.network.directory import DevnetDirectory
from devnet.network.plan import Shape, coordinator_name, validator_name
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
from ledger.types import Address
from node.keyfile import KeyCost, KeyFile, Role, create_key_file, load_key

CHAIN_NAME = "devnet"
FAUCET_KEY = "faucet"
FAUCET_AITBC = 1_000_000_000
"""Units of the faucet, from which clients of the devnet are funded."""

COORDINATOR_AITBC = 1_000_000
"""Units of a coordinator, which pays for the registration of miners."""

AUTHORITY_AITBC = 1_000
"""Units of a validator's own account, from which it pays for ballots."""

EPOCH_MS = 30_000
"""Length of a devnet's epoch (E3)."""

BUCKETS = 4_096
"""Buckets of a devnet's state tree: few accounts, so a small tree starts faster."""

KEY_COST = KeyCost(ops=1, mem_kib=8_192)
"""Cheap passphrase guessing: the passphrase lies beside the keys, and a start should be quick."""


@dataclass(frozen=True, slots=True)
class ChainWish:
    """What a new chain begins with."""

    shape: Shape
    """Validators and coordinators that the genesis names."""
    timestamp_ms: int
    """Time of block 0."""
    parameters: Parameters = field(default_factory=lambda: Parameters(epoch_ms=EPOCH_MS))
    """Parameters of the chain."""
    owners: Sequence[Address] = ()
    """Accounts besides the network's own that get `AUTHORITY_AITBC` each."""
    buckets: int = BUCKETS
    """Buckets of the state tree; a state of very many accounts wants more."""


def provision(directory: DevnetDirectory, wish: ChainWish) -> Genesis:
    """Make keys and genesis of a network in an empty directory, and return the genesis.

    Args:
        directory: where; its lock is held.
        wish: what the chain begins with.
    """
    for folder in (directory.keys, directory.logs):
        folder.mkdir(parents=True, exist_ok=True)
    directory.keys.chmod(0o700)
    passphrase = secrets.token_urlsafe(24).encode()
    _write_private(directory.passphrase, passphrase + b"\n")
    genesis = build_genesis(_spec(directory, passphrase, wish))
    directory.genesis.write_bytes(genesis_text(genesis))
    return genesis


def new_key(directory: DevnetDirectory, name: str, role: Role) -> KeyFile:
    """Make a key file under the network's passphrase."""
    passphrase = directory.passphrase.read_bytes().strip()
    return create_key_file(directory.key_file(name), role, passphrase, KEY_COST)


def payout_name(validator: str) -> str:
    """Return the name of the account key that a validator is paid to and governs with."""
    return validator.replace("validator", "payout")


def _spec(directory: DevnetDirectory, passphrase: bytes, wish: ChainWish) -> GenesisSpec:
    shape = wish.shape
    validators = [
        _validator(directory, passphrase, validator_name(number))
        for number in range(1, shape.validators + 1)
    ]
    coordinators = [
        GenesisCoordinator(name, _new_address(directory, name, Role.COORDINATOR))
        for name in map(coordinator_name, range(1, shape.coordinators + 1))
    ]
    faucet = _new_address(directory, FAUCET_KEY, Role.ACCOUNT)
    return GenesisSpec(
        name=CHAIN_NAME,
        timestamp_ms=wish.timestamp_ms,
        validators=tuple(validators),
        coordinators=tuple(coordinators),
        allocations=(
            _allocation(faucet, FAUCET_AITBC),
            *(_allocation(each.address, COORDINATOR_AITBC) for each in coordinators),
            *(_allocation(each.payout, AUTHORITY_AITBC) for each in validators),
            *(_allocation(owner, AUTHORITY_AITBC) for owner in wish.owners),
        ),
        parameters=wish.parameters,
        buckets=wish.buckets,
    )


def _validator(directory: DevnetDirectory, passphrase: bytes, name: str) -> GenesisValidator:
    payout = _new_address(directory, payout_name(name), Role.ACCOUNT)
    new_key(directory, name, Role.VALIDATOR)
    key = load_key(directory.key_file(name), Role.VALIDATOR, passphrase)
    return GenesisValidator(name, key.public_key, payout, prove_possession(key, CHAIN_NAME))


def _new_address(directory: DevnetDirectory, name: str, role: Role) -> Address:
    return parse_address(new_key(directory, name, role).address)


def _allocation(address: Address, aitbc: int) -> Allocation:
    return Allocation(address, aitbc * NAIT_PER_AITBC)


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
