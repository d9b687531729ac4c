"""Encrypted key files, in the form that the node's own have.

JSON with hex members: Argon2id makes a key of the passphrase, NaCl's secret box holds the 32-byte
seed. Only the owner may read the file; it is written whole or not at all, and never replaced.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nacl.exceptions
import nacl.secret
import nacl.utils
from nacl.pwhash import argon2id

from aitbc.errors import InvalidValue, KeyFileError
from aitbc.json_values import JsonValue, parse_json
from aitbc.keys import SigningKey, format_address
from aitbc.private_files import read_private, write_new_private

FILE_BYTES_MAX: Final = 4_096
PASSPHRASE_BYTES_MIN: Final = 8
OPS_DEFAULT: Final = 3
MEM_KIB_DEFAULT: Final = 65_536
_OPS_MAX: Final = 16
_MEM_KIB_MAX: Final = 1_048_576
_FORM: Final = (1, "argon2id", "xsalsa20poly1305")


def create_key_file(path: Path, role: str, passphrase: bytes) -> SigningKey:
    """Make a random key, write it durably where nothing is yet, and return it.

    Args:
        path: file to make, mode 0600.
        role: what the key is for, ``miner`` or ``account``.
        passphrase: at least 8 bytes.

    Raises:
        KeyFileError: something of that name exists, or the folder cannot be written.
        InvalidValue: the passphrase is too short.
    """
    if len(passphrase) < PASSPHRASE_BYTES_MIN:
        raise InvalidValue("passphrase", f"must have at least {PASSPHRASE_BYTES_MIN} bytes")
    key = SigningKey.generate()
    text = json.dumps(_sealed(key, role, passphrase), indent=1).encode() + b"\n"
    try:
        write_new_private(path, text)
    except FileExistsError:
        raise KeyFileError(f"{path} exists: keys are never overwritten") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from None
    return key


def load_key_file(path: Path, passphrase: bytes, role: str) -> SigningKey:
    """Read and unlock the key of one role (K5).

    Raises:
        KeyFileError: missing, readable by others, not a key file, for something else, or another
            passphrase.
    """
    locked = _read(path)
    if locked.role != role:
        raise KeyFileError(
            f"{path} holds a key of role {locked.role} where one of role {role} is needed"
        )
    return _opened(path, locked, passphrase)


def load_owner_key(path: Path, passphrase: bytes) -> SigningKey:
    """Read and unlock a key of whatever role: what an account has belongs to its key.

    Raises:
        KeyFileError: missing, readable by others, not a key file, or another passphrase.
    """
    return _opened(path, _read(path), passphrase)


def address_in(path: Path) -> str:
    """Return the address of a key file's key, which needs no passphrase.

    Raises:
        KeyFileError: missing, readable by others, or not a key file.
    """
    return _read(path).address


def _opened(path: Path, locked: "_LockedKey", passphrase: bytes) -> SigningKey:
    try:
        seed = _box(passphrase, locked.salt, locked.ops, locked.mem_kib).decrypt(
            locked.ciphertext, locked.nonce
        )
        key = SigningKey(seed)
    except (nacl.exceptions.CryptoError, ValueError, InvalidValue):
        raise KeyFileError(f"the passphrase does not open {path}") from None
    if (key.public_key.hex(), format_address(key.address)) != (locked.public_key, locked.address):
        raise KeyFileError(f"{path} names another key than it holds: it was changed")
    return key


@dataclass(frozen=True)
class _LockedKey:
    """A key file's content."""

    role: str
    address: str
    public_key: str
    ops: int
    mem_kib: int
    salt: bytes
    nonce: bytes
    ciphertext: bytes


def _read(path: Path) -> _LockedKey:
    try:
        locked, form = _parse(parse_json(read_private(path, FILE_BYTES_MAX)))
    except (KeyError, TypeError, ValueError) as error:
        raise KeyFileError(f"{path} is not a key file: {error!r}") from None
    if form != _FORM:
        raise KeyFileError(f"{path} has a version or cipher that this program does not know")
    if not (1 <= locked.ops <= _OPS_MAX and 8 <= locked.mem_kib <= _MEM_KIB_MAX):
        raise KeyFileError(f"{path} asks for more work or memory than any key file needs")
    return locked


def _parse(fields: JsonValue) -> tuple[_LockedKey, tuple[object, ...]]:
    if not isinstance(fields, dict) or not isinstance(kdf := fields["kdf"], dict):
        raise TypeError("no object")
    locked = _LockedKey(
        role=str(fields["role"]),
        address=str(fields["address"]),
        public_key=str(fields["public_key"]),
        ops=int(kdf["ops"]),
        mem_kib=int(kdf["mem_kib"]),
        salt=bytes.fromhex(kdf["salt"]),
        nonce=bytes.fromhex(fields["nonce"]),
        ciphertext=bytes.fromhex(fields["ciphertext"]),
    )
    return locked, (fields["version"], kdf["name"], fields["cipher"])


def _sealed(key: SigningKey, role: str, passphrase: bytes) -> dict[str, JsonValue]:
    salt = nacl.utils.random(argon2id.SALTBYTES)
    nonce = nacl.utils.random(nacl.secret.SecretBox.NONCE_SIZE)
    box = _box(passphrase, salt, OPS_DEFAULT, MEM_KIB_DEFAULT)
    return {
        "version": 1,
        "role": role,
        "address": format_address(key.address),
        "public_key": key.public_key.hex(),
        "kdf": {
            "name": "argon2id",
            "ops": OPS_DEFAULT,
            "mem_kib": MEM_KIB_DEFAULT,
            "salt": salt.hex(),
        },
        "cipher": "xsalsa20poly1305",
        "nonce": nonce.hex(),
        "ciphertext": box.encrypt(key.seed(), nonce).ciphertext.hex(),
    }


def _box(passphrase: bytes, salt: bytes, ops: int, mem_kib: int) -> nacl.secret.SecretBox:
    size = nacl.secret.SecretBox.KEY_SIZE
    return nacl.secret.SecretBox(argon2id.kdf(size, passphrase, salt, ops, mem_kib * 1024))
