"""Secrets at rest: sealed under a wrapping key that is kept outside the database (K3)."""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

import nacl.exceptions
import nacl.secret

from coordinator.moment import RandomBytes
from ledger.keys import SEED_BYTES, KeyPair
from ledger.types import Address

WRAPPING_KEY_BYTES = nacl.secret.SecretBox.KEY_SIZE

OPEN_MAX: Final = 1_000
"""Keys that stay open; beyond them all are dropped, and opened again as they are needed."""


class VaultError(Exception):
    """Managed keys cannot be used; the operator reacts."""


class WrappingKeyUnsafe(VaultError):
    """The wrapping key's file is not what it must be."""

    def __init__(self, path: Path, what: str) -> None:
        """State the file and what is wrong with it."""
        super().__init__(f"wrapping key {path}: {what}")


class WrappingKeyMissing(VaultError):
    """The file is not there, and what was sealed under its key is."""

    def __init__(self, path: Path) -> None:
        """State the file, and where it has to come from."""
        super().__init__(
            f"wrapping key {path}: there is no such file, but the coordinator's database holds "
            "wallets that are sealed under it. Copy it here from the machine or the backup that "
            "the database comes from, or name its place in coordinator.wrapping_key_file. It is "
            "not made anew: nothing that is sealed would ever open again, units of wallets included"
        )


class WrappingKeyWrong(VaultError):
    """The file holds another key than the one that sealed what is in the database."""

    def __init__(self, path: Path) -> None:
        """State the file, and which one belongs there."""
        super().__init__(
            f"wrapping key {path}: the wallets in the coordinator's database do not open with it. "
            "Put the file here that belongs to this database, from the machine or the backup that "
            "the database comes from, and keep this one: it may belong to another database"
        )


class SealBroken(VaultError):
    """A sealed key does not open: another wrapping key sealed it, or its bytes were changed."""


class Vault:
    """Seals and opens seeds. Safe to use from several threads.

    Keys that were opened stay so, in memory alone and a bounded number of them: a managed miner's
    signs each of its receipts. Who reads this memory has the wrapping key, too. Another sealed text
    is opened anew, so that one that was changed never passes for what it was.
    """

    def __init__(self, wrapping_key: bytes, random_bytes: RandomBytes) -> None:
        """Use a 32-byte wrapping key."""
        self._box = nacl.secret.SecretBox(wrapping_key)
        self._random_bytes = random_bytes
        self._open: dict[Address, tuple[bytes, KeyPair]] = {}

    def __reduce__(self) -> str:
        """Refuse pickling: a secret must not travel by accident."""
        raise TypeError("a Vault is not picklable")

    @classmethod
    def open(cls, path: Path, random_bytes: RandomBytes, *, has_sealed: bool = False) -> "Vault":
        """Read the wrapping key's file, or make it, for its owner alone, if there is none.

        Args:
            path: the file.
            random_bytes: unpredictable bytes.
            has_sealed: whether something is sealed under the key; then it is not made anew.

        Raises:
            WrappingKeyMissing: there is no file, and something is sealed under its key.
            WrappingKeyUnsafe: others may read the file, or it has another length.
        """
        if not has_sealed:
            with contextlib.suppress(FileExistsError):
                _create(path, random_bytes(WRAPPING_KEY_BYTES))
        elif not path.exists():
            raise WrappingKeyMissing(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise WrappingKeyUnsafe(path, f"mode is {mode:04o}, must be 0600: chmod 600 {path}")
        wrapping_key = path.read_bytes()
        if len(wrapping_key) != WRAPPING_KEY_BYTES:
            raise WrappingKeyUnsafe(path, f"has {len(wrapping_key)} bytes, not 32; restore it")
        return cls(wrapping_key, random_bytes)

    def new_key(self) -> KeyPair:
        """Make a key."""
        return KeyPair(self._random_bytes(SEED_BYTES))

    def seal(self, key: KeyPair) -> bytes:
        """Return the sealed seed of a key."""
        return self.seal_bytes(key.seed())

    def seal_bytes(self, content: bytes) -> bytes:
        """Return sealed bytes, for what nobody shall read in a copy of the database."""
        nonce = self._random_bytes(nacl.secret.SecretBox.NONCE_SIZE)
        return bytes(self._box.encrypt(content, nonce))

    def open_bytes(self, sealed: bytes) -> bytes:
        """Return what `seal_bytes` sealed.

        Raises:
            SealBroken: another wrapping key sealed it, or it was changed.
        """
        try:
            return self._box.decrypt(sealed)
        except nacl.exceptions.CryptoError:
            raise SealBroken("sealed bytes do not open with this wrapping key") from None

    def unseal(self, sealed_seed: bytes, address: Address) -> KeyPair:
        """Return the key of an address.

        Raises:
            SealBroken: these bytes are not the address's seed under this wrapping key.
        """
        known = self._open.get(address)
        if known is not None and known[0] == sealed_seed:
            return known[1]
        try:
            key = KeyPair(self._box.decrypt(sealed_seed))
        except nacl.exceptions.CryptoError:
            raise SealBroken("a managed key does not open with this wrapping key") from None
        if key.address != address:
            raise SealBroken("a managed key is not the one of its address")
        if len(self._open) >= OPEN_MAX:
            self._open.clear()
        self._open[address] = (sealed_seed, key)
        return key


def _create(path: Path, content: bytes) -> None:
    """Write a new file for its owner alone, durably: keys sealed under it are lost without it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link fails if the name exists: two processes agree on whichever came first.
        os.link(draft, path)
        _sync_folder(path.parent)
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
