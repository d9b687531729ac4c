"""Opening the vault of a database: with the key that sealed what is in it, or not at all (K3)."""

from pathlib import Path
from typing import Final

from coordinator.database import Database
from coordinator.moment import RandomBytes
from coordinator.wallets.store import sealed_seeds
from coordinator.wallets.vault import SealBroken, Vault, WrappingKeyWrong
from ledger.types import Address

SAMPLES: Final = 3
"""Wallets that are tried; one of them may be damaged without the key being wrong."""


def open_vault(database: Database, path: Path, random_bytes: RandomBytes) -> Vault:
    """Open the vault with the wrapping key of a database; make the key if nothing is sealed yet.

    A coordinator's first start makes the operator's wallet, so whatever else is sealed, a wallet
    is. Call it before anything else uses the database.

    Raises:
        WrappingKeyMissing: there is no key, and wallets that need it.
        WrappingKeyWrong: the wallets do not open with it.
        WrappingKeyUnsafe: others may read its file, or the file is damaged.
    """
    sealed = database.look(lambda connection: sealed_seeds(connection, SAMPLES))
    vault = Vault.open(path, random_bytes, has_sealed=bool(sealed))
    if sealed and not any(_opens(vault, seed, address) for address, seed in sealed):
        raise WrappingKeyWrong(path)
    return vault


def _opens(vault: Vault, sealed_seed: bytes, address: Address) -> bool:
    try:
        vault.unseal(sealed_seed, address)
    except SealBroken:
        return False
    return True
