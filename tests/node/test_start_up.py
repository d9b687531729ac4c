"""What a node checks before it runs: keys of different roles, addresses that can be had."""

import asyncio
import socket
from pathlib import Path

import msgspec
import pytest

from genesis import Allocation, GenesisSpec, GenesisValidator, prove_possession
from ledger.keys import KeyPair
from node.app import build_node
from node.config import ConfigInvalid, ListenAddress, read_config
from node.failpoints import NoFailpoints
from node.http.listeners import AddressUnavailable, PortInUse, bind_all, bound_addresses, close_all
from node.keyfile import KeyCost, KeyFileError, Role, create_key_file, seal
from node.keyring import KeyReused, Keyring, check_validator_key, unlock_keys
from node.ports import SystemClock
from tests.processes import PASSPHRASE, NodeFolder


def never_asked(what: str) -> bytes:
    raise AssertionError(f"asked for the passphrase of {what}")


# ---------------------------------------------------------------- keys, K5


def test_all_keys_are_unlocked_by_their_files(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n", with_coordinator=True)
    keys = unlock_keys(read_config(folder.config_file), never_asked)
    assert keys.validator is not None
    assert keys.validator.address == folder.key("validator", Role.VALIDATOR).address
    assert keys.coordinator is not None
    assert keys.faucet is not None


def test_a_person_is_asked_where_no_passphrase_file_is_named(tmp_path: Path) -> None:
    sections = {"validator": {"key_file": "validator.key"}}
    folder = NodeFolder(tmp_path / "n", sections=sections)
    asked: list[str] = []

    def ask(what: str) -> bytes:
        asked.append(what)
        return PASSPHRASE.encode()

    assert unlock_keys(read_config(folder.config_file), ask).validator is not None
    assert asked == [str(folder.key_file("validator"))]


def test_one_key_in_two_roles_is_refused(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n", with_coordinator=True)
    seed = folder.key("validator", Role.VALIDATOR).seed()
    twin = seal(seed, Role.COORDINATOR, PASSPHRASE.encode(), KeyCost(1, 8))
    folder.key_file("coordinator").write_bytes(msgspec.json.encode(twin))
    with pytest.raises(KeyReused):
        unlock_keys(read_config(folder.config_file), never_asked)


def test_a_validator_key_that_the_genesis_pays_is_refused() -> None:
    key = KeyPair(b"\x01" * 32)
    validator = GenesisValidator("v", key.public_key, bytes(20), prove_possession(key, "x"))
    spec = GenesisSpec(
        name="x", timestamp_ms=0, validators=(validator,), allocations=(Allocation(key.address, 1),)
    )
    with pytest.raises(KeyReused):
        check_validator_key(key, spec)


@pytest.mark.parametrize("role", [Role.VALIDATOR, None])
def test_a_key_that_the_genesis_does_not_name_is_refused_and_nothing_stays_open(
    tmp_path: Path, role: Role | None
) -> None:
    folder = NodeFolder(tmp_path / "n")
    config = read_config(folder.config_file)
    stranger = Keyring(KeyPair(b"\x09" * 32) if role else None, None, None)
    with pytest.raises(ConfigInvalid, match="validator"):
        asyncio.run(_build(config, stranger))
    assert not folder.data.exists()


async def _build(config: object, keys: Keyring) -> None:
    build_node(config, keys, NoFailpoints(), clock=SystemClock())  # type: ignore[arg-type]


def test_a_node_that_cannot_be_built_lets_go_of_its_data_and_address(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n")
    config, keys = read_config(folder.config_file), None
    keys = unlock_keys(config, never_asked)
    folder.data.mkdir()
    (folder.data / "index.db").write_bytes(b"no database" * 100)
    with pytest.raises(Exception, match=r"index\.db"):
        asyncio.run(_build(config, keys))
    (folder.data / "index.db").unlink()
    asyncio.run(_build_and_stop(folder))


async def _build_and_stop(folder: NodeFolder) -> None:
    config = read_config(folder.config_file)
    node = build_node(config, unlock_keys(config, never_asked), NoFailpoints(), clock=SystemClock())
    await node.start()
    await node.stop()


def test_a_key_file_error_is_one_for_the_operator(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n")
    folder.key_file("validator").unlink()
    create_key_file(folder.key_file("validator"), Role.ACCOUNT, b"another one", KeyCost(1, 8))
    with pytest.raises(KeyFileError):
        unlock_keys(read_config(folder.config_file), never_asked)


# ---------------------------------------------------------------- addresses


def test_ports_that_the_system_chose_are_reported() -> None:
    sockets = bind_all([ListenAddress("127.0.0.1", 0), ListenAddress("127.0.0.1", 0)])
    ports = [address.port for address in bound_addresses(sockets)]
    close_all(sockets)
    assert len(set(ports)) == 2
    assert all(ports)


def test_one_address_in_use_leaves_the_others_free() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = ListenAddress("127.0.0.1", holder.getsockname()[1])
        (free,) = bound_addresses(probe := bind_all([ListenAddress("127.0.0.1", 0)]))
        close_all(probe)
        with pytest.raises(PortInUse, match="choose another port"):
            bind_all([free, taken])
        close_all(bind_all([free]))


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(AddressUnavailable, match=r"192\.0\.2\.1:80 cannot be listened on"):
        bind_all([ListenAddress("192.0.2.1", 80)])


def test_accepted_connections_do_not_wait_for_more_to_send() -> None:
    """asyncio looks at the protocol number before it switches Nagle's algorithm off."""
    (bound,) = sockets = bind_all([ListenAddress("127.0.0.1", 0)])
    assert bound.proto == socket.IPPROTO_TCP
    close_all(sockets)
