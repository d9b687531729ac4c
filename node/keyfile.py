"""Encrypted key files: Argon2id makes a key of the passphrase, a secret box holds the seed.

The file is JSON; binary members are hex::

    {"version": 1, "role": "validator", "address": "ait1…", "public_key": …,
     "kdf": {"name": "argon2id", "ops": 3, "mem_kib": 65536, "salt": …},
     "cipher": "xsalsa20poly1305", "nonce": …, "ciphertext": …}

The plaintext is the 32-byte seed. Address and public key stand outside so that they can be shown
without the passphrase; unlocking checks that they belong to the seed. The miner's files, written
by the SDK, have the same form.
"""

import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

import msgspec
import nacl.exceptions
import nacl.secret
import nacl.utils
from msgspec import Meta
from nacl.pwhash import argon2id

from ledger.keys import SEED_BYTES, KeyPair, address_of, format_address
from node.durable import write_new_file

FILE_MODE: Final = 0o600
"""Only the owner reads or writes a key file."""

FILE_BYTES_MAX: Final = 4_096
"""A key file takes about 550 bytes."""

PASSPHRASE_BYTES_MIN: Final = 8
"""Shorter ones are guessed in hours even through Argon2id."""


class Role(StrEnum):
    """What a key is for. Keys of different roles differ (K5)."""

    VALIDATOR = "validator"
    ACCOUNT = "account"
    COORDINATOR = "coordinator"
    MINER = "miner"


class KeyFileError(Exception):
    """Base of all reasons why a key file cannot be used; its text says what to do."""

    code: ClassVar[str] = "KEY_FILE_INVALID"


class KeyFileUnreadable(KeyFileError):
    """Missing, too large, or not of the format."""

    code = "KEY_FILE_UNREADABLE"


class KeyFileExposed(KeyFileError):
    """Others than its owner may read it."""

    code = "KEY_FILE_EXPOSED"


class KeyFileExists(KeyFileError):
    """A new key would replace something; keys are never overwritten."""

    code = "KEY_FILE_EXISTS"


class PassphraseWrong(KeyFileError):
    """The passphrase does not open it, or its content was changed."""

    code = "PASSPHRASE_WRONG"


class PassphraseWeak(KeyFileError):
    """The passphrase is too short for a new key."""

    code = "PASSPHRASE_WEAK"


class KeyRoleWrong(KeyFileError):
    """The key is for something else (K5)."""

    code = "KEY_ROLE_WRONG"


@dataclass(frozen=True, slots=True)
class KeyCost:
    """What one guess at a passphrase costs."""

    ops: int = 3
    """Passes over the memory; with 64 MiB the second choice that RFC 9106 recommends."""
    mem_kib: int = 65_536
    """Memory in KiB."""


def _hex_of(size: int) -> Meta:
    return Meta(pattern=rf"\A[0-9a-f]{{{2 * size}}}\Z")


class _Kdf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Literal["argon2id"]
    # Bounds keep a hostile file from taking the machine's memory or time.
    ops: Annotated[int, Meta(ge=1, le=16)]
    mem_kib: Annotated[int, Meta(ge=8, le=1_048_576)]
    salt: Annotated[str, _hex_of(argon2id.SALTBYTES)]


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key file's content, still locked."""

    version: Literal[1]
    """Version of the format."""
    role: Role
    """What the key is for."""
    address: str
    """Text form of the key's address."""
    public_key: Annotated[str, _hex_of(32)]
    """The public key, hex."""
    kdf: _Kdf
    """How the box's key is made of the passphrase."""
    cipher: Literal["xsalsa20poly1305"]
    """NaCl's secret box."""
    nonce: Annotated[str, _hex_of(nacl.secret.SecretBox.NONCE_SIZE)]
    """The box's nonce, hex."""
    ciphertext: Annotated[str, _hex_of(SEED_BYTES + nacl.secret.SecretBox.MACBYTES)]
    """The boxed seed, hex."""

    def unlock(self, passphrase: bytes) -> KeyPair:
        """Return the key pair. Takes a tenth of a second or more, on purpose.

        Raises:
            PassphraseWrong: the passphrase does not open it, or the file was changed.
        """
        box = _box(passphrase, bytes.fromhex(self.kdf.salt), self.kdf.ops, self.kdf.mem_kib)
        try:
            seed = box.decrypt(bytes.fromhex(self.ciphertext), bytes.fromhex(self.nonce))
        except nacl.exceptions.CryptoError:
            raise PassphraseWrong(
                f"the passphrase does not open the key of {self.address}: "
                "give the right one, or restore the file from its backup"
            ) from None
        key = KeyPair(seed)
        if key.public_key.hex() != self.public_key or not self._names(key):
            raise PassphraseWrong("the file names another key than it holds: it was changed")
        return key

    def _names(self, key: KeyPair) -> bool:
        return self.address == format_address(address_of(key.public_key))


def seal(seed: bytes, role: Role, passphrase: bytes, cost: KeyCost | None = None) -> KeyFile:
    """Lock a seed under a passphrase.

    Raises:
        PassphraseWeak: shorter than `PASSPHRASE_BYTES_MIN`.
    """
    if len(passphrase) < PASSPHRASE_BYTES_MIN:
        raise PassphraseWeak(
            f"the passphrase has {len(passphrase)} bytes: choose at least {PASSPHRASE_BYTES_MIN}"
        )
    cost = cost or KeyCost()
    key = KeyPair(seed)
    salt = nacl.utils.random(argon2id.SALTBYTES)
    nonce = nacl.utils.random(nacl.secret.SecretBox.NONCE_SIZE)
    boxed = _box(passphrase, salt, cost.ops, cost.mem_kib).encrypt(seed, nonce)
    return KeyFile(
        version=1,
        role=role,
        address=format_address(key.address),
        public_key=key.public_key.hex(),
        kdf=_Kdf("argon2id", cost.ops, cost.mem_kib, salt.hex()),
        cipher="xsalsa20poly1305",
        nonce=nonce.hex(),
        ciphertext=boxed.ciphertext.hex(),
    )


def create_key_file(
    path: Path, role: Role, passphrase: bytes, cost: KeyCost | None = None
) -> KeyFile:
    """Make a random key and write it, durably, where nothing is yet.

    Raises:
        KeyFileExists: there is something of that name; it is left as it is.
        PassphraseWeak: shorter than `PASSPHRASE_BYTES_MIN`.
        KeyFileUnreadable: the folder cannot be written.
    """
    sealed = seal(nacl.utils.random(SEED_BYTES), role, passphrase, cost)
    text = msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n"
    try:
        write_new_file(path, text, FILE_MODE)
    except FileExistsError:
        raise KeyFileExists(
            f"{path} exists: keys are never overwritten, name another file"
        ) from None
    except OSError as error:
        raise KeyFileUnreadable(f"{path} cannot be written: {error.strerror}") from None
    return sealed


def read_key_file(path: Path) -> KeyFile:
    """Read a key file without opening it.

    Raises:
        KeyFileExposed: others than its owner may read or write it.
        KeyFileUnreadable: missing, too large, or not of the format.
    """
    data = read_private(path, FILE_BYTES_MAX)
    try:
        return msgspec.json.decode(data, type=KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KeyFileUnreadable(f"{path} is not a key file: {error}") from None


def load_key(path: Path, role: Role, passphrase: bytes) -> KeyPair:
    """Read and unlock the key of one role (K5).

    Raises:
        KeyFileError: it cannot be read or opened, or is for something else.
    """
    key_file = read_key_file(path)
    if key_file.role is not role:
        raise KeyRoleWrong(
            f"{path} holds a key of role {key_file.role} where one of role {role} is needed: "
            f"make one with: aitbc keys new --role {role}"
        )
    return key_file.unlock(passphrase)


def read_private(path: Path, bytes_max: int) -> bytes:
    """Read a small file that nobody but its owner may read.

    Raises:
        KeyFileExposed: its permissions let others in.
        KeyFileUnreadable: missing, no regular file, or too large.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyFileUnreadable(f"{path} cannot be read: {error.strerror}") from None
    # A folder opens too, but not as a file object: its kind is looked at first.
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileUnreadable(f"{path} is not a regular file")
        if status.st_mode & 0o077:
            raise KeyFileExposed(f"others may read {path}: chmod 600 {path}")
        data = os.read(descriptor, bytes_max + 1)
    finally:
        os.close(descriptor)
    if len(data) > bytes_max:
        raise KeyFileUnreadable(f"{path} has more than {bytes_max} bytes: is it the right file?")
    return data


def _box(passphrase: bytes, salt: bytes, ops: int, mem_kib: int) -> nacl.secret.SecretBox:
    return nacl.secret.SecretBox(
        argon2id.kdf(nacl.secret.SecretBox.KEY_SIZE, passphrase, salt, ops, mem_kib * 1024)
    )
