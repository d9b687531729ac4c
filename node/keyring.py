"""The keys that a node holds while it runs, unlocked at start, one for each role (K5)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genesis import GenesisSpec
from ledger.keys import KeyPair
from ledger.types import PublicKey
from node.config import CoordinatorSection, KeySource, NodeConfig
from node.keyfile import KeyFileError, Role, load_key
from node.passphrase import passphrase_from_file

AskPassphrase = Callable[[str], bytes]
"""Asks a person for the passphrase of the key file that is named."""


class KeyReused(KeyFileError):
    """One key has two roles (K5)."""

    code = "KEY_REUSED"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Unlocked keys."""

    validator: KeyPair | None
    """Signs votes; None for a node that only follows."""
    coordinator: KeyPair | None
    """Signs the coordinator's transactions; None for a node without one."""
    faucet: KeyPair | None
    """Signs transfers to new managed wallets of a devnet."""

    @property
    def validator_key(self) -> PublicKey | None:
        """Public key of the validator."""
        return self.validator.public_key if self.validator else None


def unlock_keys(config: NodeConfig, ask: AskPassphrase) -> Keyring:
    """Read and unlock all keys that the configuration names.

    Args:
        config: names key files, and the files of passphrases where nobody is to be asked.
        ask: for the others.

    Raises:
        KeyFileError: a key cannot be read or opened, or has two roles.
    """
    coordinator = config.coordinator
    keyring = Keyring(
        validator=_unlock(config.validator, Role.VALIDATOR, ask) if config.validator else None,
        coordinator=_unlock(coordinator, Role.COORDINATOR, ask) if coordinator else None,
        faucet=_unlock_faucet(coordinator, ask) if coordinator else None,
    )
    held = [key for key in (keyring.validator, keyring.coordinator, keyring.faucet) if key]
    if len({key.public_key for key in held}) < len(held):
        raise KeyReused("validator, coordinator and faucet need a key each: make another one")
    return keyring


def check_validator_key(key: KeyPair, spec: GenesisSpec) -> None:
    """Check that no account of the genesis is a validator's key in use here (K5).

    Raises:
        KeyReused: coordinator, payout or allocation of the genesis has this key's address.
    """
    accounts = {
        *(validator.payout for validator in spec.validators),
        *(coordinator.address for coordinator in spec.coordinators),
        *(allocation.address for allocation in spec.allocations),
    }
    if key.address in accounts:
        raise KeyReused("the validator key is also an account of the genesis: make another one")


def _unlock(source: KeySource, role: Role, ask: AskPassphrase) -> KeyPair:
    return load_key(Path(source.key_file), role, _passphrase(source, ask))


def _unlock_faucet(section: CoordinatorSection, ask: AskPassphrase) -> KeyPair | None:
    if section.faucet_key_file is None:
        return None
    return load_key(Path(section.faucet_key_file), Role.ACCOUNT, _passphrase(section, ask))


def _passphrase(source: KeySource, ask: AskPassphrase) -> bytes:
    if source.passphrase_file is not None:
        return passphrase_from_file(Path(source.passphrase_file))
    return ask(source.key_file)
