"""Encrypted key files, in the form that the node's own have.

JSON with hex members: Argon2id makes a key of the passphrase, NaCl's secret box holds the 32-byte
seed. Only the owner may read the file; it is written whole or not at all, and never replaced.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any, Final

import nacl.exceptions
import nacl.secret
import nacl.utils
from nacl.pwhash import argon2id

from aitbc.errors import InvalidValue, KeyFileError
from aitbc.keys import SigningKey, format_address

FILE_BYTES_MAX: Final = 4_096
PASSPHRASE_BYTES_MIN: Final = 8
OPS_DEFAULT: Final = 3
MEM_KIB_DEFAULT: Final = 65_536
_OPS_MAX: Final = 16
_MEM_KIB_MAX: Final = 1_048_576


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
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        # Unlike rename, link refuses to replace what is there.
        os.link(scratch, path)
    except FileExistsError:
        raise KeyFileError(f"{path} exists: keys are never overwritten") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        scratch.unlink(missing_ok=True)
    return key


def load_key_file(path: Path, passphrase: bytes) -> SigningKey:
    """Read and unlock a key file.

    Raises:
        KeyFileError: missing, readable by others, not a key file, or another passphrase.
    """
    fields = _read(path)
    try:
        kdf = fields["kdf"]
        ops, mem_kib = int(kdf["ops"]), int(kdf["mem_kib"])
        salt, nonce = bytes.fromhex(kdf["salt"]), bytes.fromhex(fields["nonce"])
        ciphertext, public_key = bytes.fromhex(fields["ciphertext"]), fields["public_key"]
        known = (fields["version"], kdf["name"], fields["cipher"])
    except (KeyError, TypeError, ValueError) as error:
        raise KeyFileError(f"{path} is not a key file: {error}") from None
    if known != (1, "argon2id", "xsalsa20poly1305"):
        raise KeyFileError(f"{path} has a version or cipher that this program does not know")
    if not (1 <= ops <= _OPS_MAX and 8 <= mem_kib <= _MEM_KIB_MAX):
        raise KeyFileError(f"{path} asks for more work or memory than any key file needs")
    try:
        seed = _box(passphrase, salt, ops, mem_kib).decrypt(ciphertext, nonce)
        key = SigningKey(seed)
    except (nacl.exceptions.CryptoError, ValueError, InvalidValue):
        raise KeyFileError(f"the passphrase does not open {path}") from None
    if key.public_key.hex() != public_key:
        raise KeyFileError(f"{path} names another key than it holds: it was changed")
    return key


def _sealed(key: SigningKey, role: str, passphrase: bytes) -> dict[str, Any]:
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


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise KeyFileError(f"others may read {path}: chmod 600 {path}")
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from None
    try:
        fields = json.loads(data) if len(data) <= FILE_BYTES_MAX else None
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise KeyFileError(f"{path} is not a key file")
    return fields
