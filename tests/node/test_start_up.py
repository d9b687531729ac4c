"""What a node checks before it runs: keys of different roles, addresses that can be had."""

import asyncio
import contextlib
import errno
import socket
from pathlib import Path

import httpx
import msgspec
import pytest
from msgspec import structs

from genesis import Allocation, GenesisSpec, GenesisValidator, prove_possession
from ledger.keys import KeyPair
from node.app import build_node
from node.config import ConfigInvalid, ListenAddress, read_config
from node.failpoints import NoFailpoints
from node.http import listeners
from node.http.listeners import AddressUnavailable, PortInUse, bind_all, bound_addresses, close_all
from node.http.server import HttpServer
from node.keyfile import KeyCost, KeyFileError, Role, create_key_file, seal
from node.keyring import KeyReused, Keyring, check_validator_key, unlock_keys
from node.locks import DataFolderLocked, KeyLock, KeyLocked, lock_folder
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
def test_a_node_that_needs_peers_and_has_none_is_refused_and_nothing_stays_open(
    tmp_path: Path, role: Role | None
) -> None:
    folder = NodeFolder(tmp_path / "n")
    config = read_config(folder.config_file)
    stranger = Keyring(KeyPair(b"\x09" * 32) if role else None, None, None)
    with pytest.raises(ConfigInvalid, match="p2p"):
        asyncio.run(_build(config, stranger))
    assert not folder.data.exists()


def test_a_node_that_follows_has_to_know_a_peer(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n", sections={"p2p": {"listen": ["127.0.0.1:0"]}})
    config = read_config(folder.config_file)
    with pytest.raises(ConfigInvalid, match=r"p2p\.peers"):
        asyncio.run(_build(config, Keyring(None, None, None)))


def test_a_validator_key_that_another_process_uses_is_refused(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n")
    config = read_config(folder.config_file)
    elsewhere = structs.replace(config, data_directory=str(tmp_path / "elsewhere"))
    lock = KeyLock(folder.key_file("validator"))
    with pytest.raises(KeyLocked, match="another process"):
        asyncio.run(_build(elsewhere, unlock_keys(config, never_asked)))
    lock.release()
    asyncio.run(_build_and_stop(folder))


def test_a_data_folder_that_another_process_uses_is_refused(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n")
    config = read_config(folder.config_file)
    folder.data.mkdir()
    lock = lock_folder(folder.data)
    with pytest.raises(DataFolderLocked, match="another process"):
        asyncio.run(_build(config, unlock_keys(config, never_asked)))
    assert not (folder.data / "chain.db").exists()
    lock.release()


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


def test_a_peer_that_does_not_read_is_cut_off_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "UNREAD_MS_MAX", 200)
    (bound,) = sockets = bind_all([ListenAddress("127.0.0.1", 0)])
    with socket.create_connection(bound.getsockname()[:2]), bound.accept()[0] as accepted:
        close_all(sockets)
        accepted.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while accepted.send(bytes(65_536)):
                pass
        accepted.settimeout(30)
        with pytest.raises(TimeoutError, match="timed out") as cut:
            accepted.send(b".")
        # The system's own error has a number; that of Python's patience has none.
        assert cut.value.errno == errno.ETIMEDOUT


async def test_an_idle_connection_is_closed_by_its_client_before_the_server_does() -> None:
    """A request that meets the server's closing gets no answer, and may have been carried out."""

    async def never_called(*_: object) -> None:
        raise AssertionError

    kept_s = HttpServer(never_called, [])._server.config.timeout_keep_alive
    clients_s = httpx.Limits().keepalive_expiry
    assert clients_s is not None
    assert kept_s > 2 * clients_s
