"""Managed wallets: keys at rest and their funds on a devnet."""

from coordinator.wallets.funding import Faucet
from coordinator.wallets.vault import SealBroken, Vault, VaultError, WrappingKeyUnsafe

__all__ = ["Faucet", "SealBroken", "Vault", "VaultError", "WrappingKeyUnsafe"]
