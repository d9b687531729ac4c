"""The explorer where it runs by default: in a real node, beside its API."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from ledger.keys import KeyPair, format_address
from tests.processes import NodeFolder, NodeProcess, start_node
from tests.wallets import Wallet, chain_time_ms

ALICE, BOB = (KeyPair(bytes([n]) * 32) for n in (51, 52))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    root: Path = tmp_path_factory.mktemp("explorer-node") / "n"
    folder = NodeFolder(root, accounts=(ALICE, BOB), with_coordinator=True)
    with start_node(folder) as node:
        yield node
        assert node.stop() == 0, node.told("did not end well")


@pytest.fixture
def client(node: NodeProcess) -> Iterator[httpx.Client]:
    with node.client() as client:
        yield client


def test_the_home_page_is_html_and_the_api_is_json(client: httpx.Client) -> None:
    home = client.get("/")
    assert home.status_code == 200, home.text
    assert home.headers["content-type"] == "text/html; charset=utf-8"
    assert "Live: final at" in home.text
    assert "Accept" in home.headers["vary"]
    assert client.get("/explorer/blocks").headers["content-type"] == "application/json"
    lost = client.get("/nowhere", headers={"Accept": "text/html"})
    assert (lost.status_code, "There is no page here" in lost.text) == (404, True)
    assert client.get("/nowhere").json()["error_code"] == "NOT_FOUND"


def test_a_final_transaction_has_a_page_as_soon_as_the_index_has_it(client: httpx.Client) -> None:
    wallet = Wallet.on(client, ALICE)
    signed = wallet.transfer(BOB.address, 7, chain_time_ms(client))
    answer = client.post(
        "/v1/chain/transactions", json={"transaction": signed.hex()}, params={"wait": "final"}
    )
    sent = answer.json()
    assert sent["status"] == "final"
    page = client.get(f"/transactions/{sent['transaction_id']}")
    # The index may be a moment behind; then the page says so, and never that it knows nothing.
    assert page.status_code == 200 or "final, and not indexed yet" in page.text
    while page.status_code == 404:
        page = client.get(f"/transactions/{sent['transaction_id']}")
    assert format_address(BOB.address) in page.text
    assert "7 nait" in page.text


def test_a_block_that_is_final_is_known_by_its_id(client: httpx.Client, node: NodeProcess) -> None:
    head = client.get("/v1/chain/head").json()
    page = client.get(f"/blocks/{head['block_id']}")
    assert page.status_code == 200 or "final, and not indexed yet" in page.text
    nobodys = client.get("/blocks/" + "ab" * 32)
    assert (nobodys.status_code, "Unknown here" in nobodys.text) == (404, True)


def test_a_transaction_that_nobody_sent_is_unknown_here(client: httpx.Client) -> None:
    page = client.get("/transactions/" + "ab" * 32)
    assert page.status_code == 404
    assert "This node knows no such transaction" in page.text


def test_the_pages_keep_their_policy_inside_the_node(client: httpx.Client) -> None:
    for path in ("/", "/blocks", "/blocks/0", "/search?q=x", "/validators", "/stats", "/market"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers.get_list("x-content-type-options") == ["nosniff"]


def test_an_open_page_is_told_of_a_block_as_soon_as_it_is_indexed(client: httpx.Client) -> None:
    address = str(client.base_url.join("/live")).replace("http", "ws")
    with connect(address) as socket:
        height = json.loads(socket.recv(60))["height"]
        wallet = Wallet.on(client, ALICE)
        signed = wallet.transfer(BOB.address, 7, chain_time_ms(client))
        client.post("/v1/chain/transactions", json={"transaction": signed.hex()})
        news = json.loads(socket.recv(60))
        while news["kind"] != "blocks":
            news = json.loads(socket.recv(60))
    assert news["height"] > height
    assert f'href="/blocks/{news["height"]}"' in news["rows"][0]["html"]


def test_the_validators_page_reads_what_consensus_signed(client: httpx.Client) -> None:
    told = client.get("/validators.json").json()
    while not told["counted_blocks"]:
        told = client.get("/validators.json").json()
    (member,) = told["validators"]
    assert (member["state"], member["participation"], member["misses"]) == ("self", 10_000, 0)
    assert client.get("/stats.json").json()["finality"]["finality_blocks"] > 0


def test_an_accounts_page_has_the_balance_that_the_chain_has(client: httpx.Client) -> None:
    address = format_address(BOB.address)
    shown = client.get(f"/accounts/{address}.json").json()
    assert shown["balance_height"] <= shown["chain"]["final_height"]
    assert int(shown["balance"]) > 0
