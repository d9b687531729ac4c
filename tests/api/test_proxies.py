"""Behind proxies: who asks is the caller and nobody else, and everything that counts agrees."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, Request, get
from litestar.datastructures import State
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from coordinator.http.remote import HOPS_MAX, Proxies, caller_of, remote_of, through_proxies
from devnet.network.node import PLAIN_HTTP
from explorer_web.live.hub import LISTENERS_EACH_MAX
from ledger.keys import KeyPair
from node.config import ListenAddress
from node.http.listeners import bind_all, bound_addresses
from node.http.server import HttpServer
from node.signature_budget import FAILURES_MAX
from tests.processes import NodeFolder, NodeProcess, start_node
from tests.wallets import Wallet, chain_time_ms

TRUSTED = tuple(map(ip_network, ("127.0.0.1", "10.0.0.0/24", "2001:db8:1::/48")))

PUBLIC = "https://aitbc.example"

QUOTA = 40

ALICE, BOB = (KeyPair(bytes([n]) * 32) for n in (61, 62))


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("127.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("127.0.0.1", ["192.0.2.7, 10.0.0.3"], "192.0.2.7"),
        ("127.0.0.1", ["192.0.2.7", "198.51.100.9", "10.0.0.3"], "198.51.100.9"),
        ("127.0.0.1", ["192.0.2.7:5123"], "192.0.2.7"),
        ("127.0.0.1", ["[2001:db8::7]:5123"], "2001:db8::7"),
        ("2001:db8:1::1", ["2001:db8::7"], "2001:db8::7"),
        ("127.0.0.1", ["::ffff:192.0.2.7"], "192.0.2.7"),
        ("::ffff:127.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        # All of them are proxies: the farthest asks for itself, such as to see whether we live.
        ("127.0.0.1", ["10.0.0.4, 10.0.0.3"], "10.0.0.4"),
        # What a proxy could not name is its own.
        ("127.0.0.1", ["192.0.2.7, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.7, , 10.0.0.3"], "10.0.0.3"),
        ("127.0.0.1", ["192.0.2.7, 999.0.0.1"], "127.0.0.1"),
        ("127.0.0.1", ["\N{ARABIC-INDIC DIGIT ONE}92.0.2.7"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        # Nobody else's word counts.
        ("192.0.2.1", ["192.0.2.7"], "192.0.2.1"),
        ("10.0.1.1", ["192.0.2.7"], "10.0.1.1"),
    ],
)
def test_who_asks_is_the_last_that_no_trusted_proxy_is(
    peer: str, forwarded: Sequence[str], caller: str
) -> None:
    assert caller_of(peer, [each.encode() for each in forwarded], TRUSTED) == caller


@given(st.lists(st.binary(max_size=40), max_size=30), st.ip_addresses(v=4))
def test_nothing_that_a_caller_writes_makes_it_another(told: list[bytes], address: Any) -> None:
    if any(address in network for network in TRUSTED):
        return
    forwarded = [*told, str(address).encode()]
    assert caller_of("127.0.0.1", forwarded, TRUSTED) == str(address)


def test_no_more_hops_are_followed_than_anybody_chains() -> None:
    chain = b", ".join([b"192.0.2.7", *[b"10.0.0.3"] * HOPS_MAX])
    assert caller_of("127.0.0.1", [chain], TRUSTED) == "10.0.0.3"


# ------------------------------------------------------------ a real node, over real sockets


def node_with(root: Path, **http: object) -> NodeProcess:
    """Return a coordinator that is no devnet."""
    coordinator = {"key_file": "coordinator.key", "passphrase_file": "passphrase"}
    sections = {"http": {"listen": ["127.0.0.1:0"], **http}, "coordinator": coordinator}
    return start_node(NodeFolder(root, accounts=(ALICE, BOB), sections=sections))


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node that takes this machine for its proxy."""
    http = {"trusted_proxies": ["127.0.0.1"], "public_url": PUBLIC, "quotas": {"other": QUOTA}}
    with node_with(tmp_path_factory.mktemp("proxied") / "n", **http) as node:
        yield node
        assert node.stop() == 0, node.told("did not end well")


@pytest.fixture
def client(proxied: NodeProcess) -> Iterator[httpx.Client]:
    with proxied.client() as client:
        yield client


def via(*addresses: str) -> dict[str, str]:
    """Return the header of a request that a proxy passes on for the last of these."""
    return {"X-Forwarded-For": ", ".join(addresses)}


def listen(node: NodeProcess, origin: str, **headers: str) -> ClientConnection:
    address = node.url.replace("http", "ws") + "/live"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return connect(address, origin=Origin(origin), additional_headers=named)


def refusal_of(node: NodeProcess, origin: str, **headers: str) -> int:
    with pytest.raises(InvalidStatus) as refused, listen(node, origin, **headers):
        pass
    return refused.value.response.status_code


def test_callers_of_one_proxy_have_a_quota_each(client: httpx.Client) -> None:
    head = "/v1/chain/head"
    answers = [client.get(head, headers=via("192.0.2.1")) for _ in range(QUOTA + 1)]
    assert [answer.status_code for answer in answers] == [200] * QUOTA + [429]
    # What the caller itself put before its address helps it nothing.
    assert client.get(head, headers=via("198.51.100.1", "192.0.2.1")).status_code == 429
    assert client.get(head, headers=via("192.0.2.2")).status_code == 200
    # A host has a whole /64 of addresses.
    left = [
        client.get(head, headers=via(address)).headers["ratelimit"].split(";")[1]
        for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")
    ]
    assert left == [f"r={QUOTA - 1}", f"r={QUOTA - 2}", f"r={QUOTA - 1}"]


def test_pages_of_one_proxy_that_listen_have_places_of_their_own(proxied: NodeProcess) -> None:
    with ExitStack() as pages:
        for _ in range(LISTENERS_EACH_MAX):
            page = pages.enter_context(listen(proxied, PUBLIC, X_Forwarded_For="192.0.2.1"))
            page.recv(60)
        assert refusal_of(proxied, PUBLIC, X_Forwarded_For="192.0.2.1") == 429
        with listen(proxied, PUBLIC, X_Forwarded_For="192.0.2.2") as other:
            other.recv(60)


def test_a_page_listens_by_the_public_name_whatever_host_the_proxy_sends(
    proxied: NodeProcess,
) -> None:
    with listen(proxied, PUBLIC, X_Forwarded_For="192.0.2.3") as page:
        page.recv(60)
    # A person on this machine needs no proxy, and a page of elsewhere has no business here.
    with listen(proxied, proxied.url) as page:
        page.recv(60)
    elsewhere = "https://elsewhere.example"
    assert refusal_of(proxied, elsewhere, X_Forwarded_For="192.0.2.3") == 403
    assert refusal_of(proxied, PUBLIC) == 403


def test_one_caller_that_signs_wrongly_does_not_silence_the_others(client: httpx.Client) -> None:
    wallet = Wallet.on(client, ALICE)
    now_ms = chain_time_ms(client)
    wrong = []
    for amount in range(FAILURES_MAX):
        signed = bytearray(wallet.transfer(BOB.address, amount + 1, now_ms))
        signed[-1] ^= 1
        wrong.append(signed.hex())
    sent = client.post(
        "/v1/chain/transactions", json={"transactions": wrong}, headers=via("192.0.2.8")
    )
    codes = [each["code"] for each in sent.json()["transactions"]]
    assert codes == ["SIGNATURE_INVALID"] * FAILURES_MAX

    def send(amount: int, address: str) -> dict[str, Any]:
        good = wallet.transfer(BOB.address, amount, now_ms).hex()
        answer: dict[str, Any] = client.post(
            "/v1/chain/transactions", json={"transaction": good}, headers=via(address)
        ).json()
        return answer

    assert send(5, "192.0.2.9")["status"] == "pooled"
    assert send(6, "192.0.2.8")["status"] != "pooled"


# ------------------------------------------------------------ the same, without a node


@get("/")
async def who(request: Request[object, object, State]) -> str:
    """Answer with what a request looks like inside."""
    return f"{remote_of(request)} {request.url.scheme} {request.headers['host']}"


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [
        (Proxies(), "127.0.0.1 http aitbc.test"),
        (Proxies((ip_network("127.0.0.2"),), PUBLIC), "127.0.0.1 http aitbc.test"),
        (Proxies((ip_network("127.0.0.0/8"),)), "192.0.2.7 http aitbc.test"),
        (Proxies((ip_network("127.0.0.0/8"),), PUBLIC), "192.0.2.7 https aitbc.example"),
    ],
)
async def test_only_the_word_of_a_trusted_proxy_changes_what_is_asked(
    proxies: Proxies, seen: str
) -> None:
    sockets = bind_all([ListenAddress("127.0.0.1", 0)])
    url = f"http://{bound_addresses(sockets)[0]}"
    app = through_proxies(Litestar([who], openapi_config=None), proxies)
    server = HttpServer(app, sockets)
    await server.start()
    try:
        async with httpx.AsyncClient(verify=PLAIN_HTTP, headers={"Host": "aitbc.test"}) as client:
            forwarded = {"X-Forwarded-Proto": "ftp", **via("192.0.2.7")}
            assert (await client.get(url, headers=forwarded)).text == seen
            assert (await client.get(url)).text == "127.0.0.1 http aitbc.test"
    finally:
        await server.stop()
