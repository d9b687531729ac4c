"""Managed wallets: keys at rest and their funds on a devnet."""

from coordinator.wallets.funding import Faucet
from coordinator.wallets.opening import open_vault
from coordinator.wallets.vault import (
    SealBroken,
    Vault,
    VaultError,
    WrappingKeyMissing,
    WrappingKeyUnsafe,
    WrappingKeyWrong,
)

__all__ = [
    "Faucet",
    "SealBroken",
    "Vault",
    "VaultError",
    "WrappingKeyMissing",
    "WrappingKeyUnsafe",
    "WrappingKeyWrong",
    "open_vault",
]
