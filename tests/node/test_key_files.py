"""Key files: what is written can be opened by the right passphrase, and by nothing else."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from aitbc import keyfile as sdk_keyfile
from ledger.keys import KeyPair
from node.keyfile import (
    KeyCost,
    KeyFileExists,
    KeyFileExposed,
    KeyFileUnreadable,
    KeyRoleWrong,
    PassphraseWeak,
    PassphraseWrong,
    Role,
    create_key_file,
    load_key,
    read_key_file,
    seal,
)

QUICK = KeyCost(ops=1, mem_kib=8)
PASSPHRASE = b"correct horse"


@pytest.fixture
def key_path(tmp_path: Path) -> Path:
    path = tmp_path / "a.key"
    create_key_file(path, Role.ACCOUNT, PASSPHRASE, QUICK)
    return path


def test_a_written_key_opens_with_its_passphrase_and_signs_for_its_address(key_path: Path) -> None:
    sealed = read_key_file(key_path)
    key = load_key(key_path, Role.ACCOUNT, PASSPHRASE)
    assert key.public_key.hex() == sealed.public_key


def test_the_default_cost_is_the_one_that_rfc_9106_names_for_small_memory() -> None:
    sealed = seal(bytes(32), Role.ACCOUNT, PASSPHRASE)
    assert (sealed.kdf.ops, sealed.kdf.mem_kib) == (3, 65_536)
    assert sealed.unlock(PASSPHRASE).public_key == KeyPair(bytes(32)).public_key


def test_only_the_owner_may_read_a_new_key_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        create_key_file(tmp_path / "k", Role.VALIDATOR, PASSPHRASE, QUICK)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_can_reach_is_refused(key_path: Path, mode: int) -> None:
    key_path.chmod(mode)
    with pytest.raises(KeyFileExposed, match="chmod 600"):
        read_key_file(key_path)


def test_a_key_is_never_overwritten_and_no_draft_is_left(key_path: Path) -> None:
    before = key_path.read_bytes()
    with pytest.raises(KeyFileExists):
        create_key_file(key_path, Role.ACCOUNT, PASSPHRASE, QUICK)
    assert key_path.read_bytes() == before
    assert list(key_path.parent.iterdir()) == [key_path]


def test_a_wrong_passphrase_is_refused(key_path: Path) -> None:
    with pytest.raises(PassphraseWrong):
        load_key(key_path, Role.ACCOUNT, b"correct horsf")


def test_a_short_passphrase_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(PassphraseWeak):
        create_key_file(tmp_path / "k", Role.ACCOUNT, b"1234567", QUICK)
    assert not list(tmp_path.iterdir())


def test_a_key_of_another_role_is_refused(key_path: Path) -> None:
    with pytest.raises(KeyRoleWrong, match="--role validator"):
        load_key(key_path, Role.VALIDATOR, PASSPHRASE)


def test_a_file_that_names_another_key_than_it_holds_is_refused(key_path: Path) -> None:
    other = seal(b"\x01" * 32, Role.ACCOUNT, PASSPHRASE, QUICK)
    document = json.loads(key_path.read_text())
    key_path.write_text(json.dumps(document | {"public_key": other.public_key}))
    with pytest.raises(PassphraseWrong, match="changed"):
        load_key(key_path, Role.ACCOUNT, PASSPHRASE)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"role": "king"},
        {"cipher": "rot13"},
        {"nonce": "00"},
        {"extra": 1},
        {"kdf": {"name": "argon2id", "ops": 2**31, "mem_kib": 8, "salt": "00" * 16}},
        {"kdf": {"name": "argon2id", "ops": 1, "mem_kib": 2**31, "salt": "00" * 16}},
    ],
)
def test_a_file_of_another_form_is_refused_before_any_work(
    key_path: Path, change: dict[str, Any]
) -> None:
    document = json.loads(key_path.read_text())
    key_path.write_text(json.dumps(document | change))
    with pytest.raises(KeyFileUnreadable):
        read_key_file(key_path)


def test_a_pipe_or_a_huge_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "huge").write_bytes(b" " * 10_000)
    (tmp_path / "huge").chmod(0o600)
    for name in ("pipe", "huge", "absent"):
        with pytest.raises(KeyFileUnreadable):
            read_key_file(tmp_path / name)


def test_the_seed_is_nowhere_in_the_file_or_in_the_text_of_objects() -> None:
    seed = bytes(range(32))
    sealed = seal(seed, Role.ACCOUNT, PASSPHRASE, QUICK)
    shown = repr(sealed) + repr(sealed.unlock(PASSPHRASE))
    assert seed.hex() not in shown
    assert PASSPHRASE.decode() not in shown


def test_the_sdk_and_the_node_open_each_others_files(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "sdk.key", tmp_path / "node.key"
    made = sdk_keyfile.create_key_file(theirs, "miner", PASSPHRASE)
    assert load_key(theirs, Role.MINER, PASSPHRASE).public_key == made.public_key
    sealed = create_key_file(ours, Role.MINER, PASSPHRASE, QUICK)
    opened = sdk_keyfile.load_key_file(ours, PASSPHRASE, "miner")
    assert opened.public_key.hex() == sealed.public_key
