"""Key files of the SDK and of the node are one format."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aitbc import InvalidValue, KeyFileError, SigningKey
from aitbc.keyfile import create_key_file, load_key_file
from aitbc.private_files import read_secret_line
from node import keyfile as node_files

PASSPHRASE = b"correct horse battery"
CHEAP = node_files.KeyCost(ops=1, mem_kib=8)


@pytest.fixture
def cheap(tmp_path: Path) -> Path:
    """A miner's key file that opens fast."""
    path = tmp_path / "cheap.json"
    node_files.create_key_file(path, node_files.Role.MINER, PASSPHRASE, CHEAP)
    return path


def test_the_node_opens_what_the_sdk_made(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    made = create_key_file(path, "miner", PASSPHRASE)
    opened = node_files.load_key(path, node_files.Role.MINER, PASSPHRASE)
    assert (opened.public_key, opened.address) == (made.public_key, made.address)
    assert load_key_file(path, PASSPHRASE, "miner").public_key == made.public_key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key.json"]


def test_the_sdk_opens_what_the_node_made(cheap: Path) -> None:
    opened = load_key_file(cheap, PASSPHRASE, "miner")
    assert opened.public_key.hex() == node_files.read_key_file(cheap).public_key


def test_the_seed_is_not_in_the_file(tmp_path: Path) -> None:
    made = create_key_file(tmp_path / "key.json", "miner", PASSPHRASE)
    assert made.seed().hex() not in (tmp_path / "key.json").read_text()


def test_a_file_is_never_overwritten(cheap: Path) -> None:
    before = cheap.read_bytes()
    with pytest.raises(KeyFileError, match="never overwritten"):
        create_key_file(cheap, "miner", PASSPHRASE)
    assert cheap.read_bytes() == before


def test_a_short_passphrase_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="passphrase"):
        create_key_file(tmp_path / "key.json", "miner", b"short")
    assert list(tmp_path.iterdir()) == []


def test_another_passphrase_does_not_open_it(cheap: Path) -> None:
    with pytest.raises(KeyFileError, match="passphrase does not open"):
        load_key_file(cheap, b"another passphrase", "miner")


def test_a_key_for_something_else_is_refused(cheap: Path) -> None:
    with pytest.raises(KeyFileError, match="role miner where one of role account"):
        load_key_file(cheap, PASSPHRASE, "account")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_may_read_is_refused_with_the_remedy(cheap: Path, mode: int) -> None:
    cheap.chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {cheap}"):
        load_key_file(cheap, PASSPHRASE, "miner")


def changed(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.update({field: value})


@pytest.mark.parametrize(
    "change",
    [
        changed("version", 2),
        changed("cipher", "rot13"),
        changed("public_key", "00" * 32),
        changed("address", "ait1"),
        changed("ciphertext", "00" * 48),
        changed("ciphertext", "zz"),
        changed("nonce", "00"),
        changed("kdf", None),
        lambda content: content["kdf"].update(mem_kib=2**40),
        lambda content: content["kdf"].update(ops=10**6),
        lambda content: content["kdf"].update(ops="many"),
        lambda content: content["kdf"].update(salt=""),
        lambda content: content.pop("kdf"),
    ],
)
def test_a_changed_file_is_a_typed_error(
    cheap: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    content = json.loads(cheap.read_bytes())
    change(content)
    cheap.write_text(json.dumps(content))
    with pytest.raises(KeyFileError):
        load_key_file(cheap, PASSPHRASE, "miner")


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff\xfe", b"{" * 3_000, b"x" * 5_000])
def test_what_is_no_key_file_is_a_typed_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError):
        load_key_file(path, PASSPHRASE, "miner")


def test_missing_files_folders_and_pipes_are_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (tmp_path / "missing", tmp_path, pipe):
        with pytest.raises(KeyFileError):
            load_key_file(path, PASSPHRASE, "miner")
    with pytest.raises(KeyFileError, match="cannot be written"):
        create_key_file(tmp_path / "no" / "folder", "miner", PASSPHRASE)


def test_a_secret_line_is_read_without_its_line_end_only(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(b" with spaces \r\n")
    path.chmod(0o600)
    assert read_secret_line(path) == b" with spaces "
    path.write_bytes(b"\n")
    with pytest.raises(KeyFileError, match="empty"):
        read_secret_line(path)


def test_two_new_keys_differ() -> None:
    assert SigningKey.generate().public_key != SigningKey.generate().public_key
