"""Every documented path answers below every documented base address, on real node processes."""

import re
from collections.abc import Iterator

import httpx
import pytest

from devnet.commands.devnet import DEFAULT_PORTS
from devnet.network.node import PLAIN_HTTP
from devnet.network.ports import FreePorts
from tests.api.coverage import rows
from tests.processes import NodeFolder, NodeProcess, start_node

UNKNOWN = {
    "job_id": f"job_{'0' * 64}",
    "receipt_id": f"receipt_{'0' * 64}",
    "offer_id": f"offer_{'0' * 64}",
    "miner_id": "nobody",
    "service_id": "llm_inference",
}
"""What stands in for the parameters of a path."""

NO_ROUTE = {"NOT_FOUND", "METHOD_NOT_ALLOWED"}


def documented(document: str) -> list[tuple[str, str, object]]:
    """Return method, path and printed body of everything that a document has."""
    found = {
        (row["method"], row["path"].removeprefix("/api")): (row.get("request") or {}).get("example")
        for row in rows()
        if row["document"] == document
        and row["method"] in {"GET", "POST", "DELETE"}
        and row["path"].startswith("/")
    }
    return [(method, path, body) for (method, path), body in found.items()]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    free = FreePorts()
    listen = [
        address
        for port in (free.take(), free.take())
        for address in (f"127.0.0.1:{port}", f"[::1]:{port}")
    ]
    folder = NodeFolder(
        tmp_path_factory.mktemp("urls") / "n",
        with_coordinator=True,
        sections={"http": {"listen": listen}},
    )
    with start_node(folder) as node:
        yield node
        assert node.stop() == 0, node.told("did not end well")


@pytest.mark.parametrize(
    ("document", "prefix"),
    [
        pytest.param("000/001", "/api", marks=pytest.mark.row("2024-01-01.000.base.production")),
        pytest.param("002", "/api", marks=pytest.mark.row("2026-01-24.002.base.production")),
        pytest.param("002", "", marks=pytest.mark.row("2026-01-24.002.base.local")),
        pytest.param("003", "/api", marks=pytest.mark.row("2026-05-11.003.base.production")),
        pytest.param("003", "", marks=pytest.mark.row("2026-05-11.003.base.staging")),
        pytest.param("004", "/api", marks=pytest.mark.row("2026-01-24.004.base.production")),
    ],
)
def test_each_documented_path_answers(node: NodeProcess, document: str, prefix: str) -> None:
    operations = documented(document)
    assert len(operations) > 5
    missing = []
    with node.client() as client:
        for method, path, body in operations:
            filled = re.sub(r"{(\w+)}", lambda match: UNKNOWN[match[1]], prefix + path)
            response = client.request(method, filled, json=body)
            assert response.status_code < 500, (method, filled, response.text)
            if response.status_code in {404, 405} and response.json()["error_code"] in NO_ROUTE:
                missing.append(f"{method} {filled}")
    assert missing == []


@pytest.mark.row("2026-05-11.003.base.development", "2026-01-24.002.base.local")
def test_all_ports_serve_the_same_also_by_the_name_localhost(node: NodeProcess) -> None:
    # The ports of the documents are the devnet's; a test takes free ones.
    assert DEFAULT_PORTS == (8011, 8001)
    urls = [httpx.URL(url) for url in node.ready["urls"]]
    assert len(urls) == 2 * len(DEFAULT_PORTS)
    bodies = []
    for url in [*urls, *(url.copy_with(host="localhost") for url in urls)]:
        health = httpx.get(url.join("/v1/health"), verify=PLAIN_HTTP)
        assert health.status_code == 200
        bodies.append(httpx.get(url.join("/openapi.json"), verify=PLAIN_HTTP).json())
    assert all(body == bodies[0] for body in bodies)


@pytest.mark.row("2026-01-24.004.auth.public.health", "2026-01-24.004.auth.public.stats")
def test_health_and_statistics_are_public_where_open_access_is_off(
    closed_node: NodeProcess,
) -> None:
    with closed_node.client() as client:
        for path in ("/health", "/api/health", "/v1/stats", "/api/v1/stats"):
            assert client.get(path).status_code == 200, path
        refused = client.get("/v1/jobs")
        assert refused.status_code == 401
        assert refused.json()["error_code"] == "AUTHENTICATION_REQUIRED"
