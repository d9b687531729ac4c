"""A real node process: transactions in every form, reads, restart, and how it refuses to start."""

import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from ledger.block import CODEC as BLOCK_CODEC
from ledger.block import HEADER_CODEC, block_id
from ledger.codec import encode
from ledger.keys import KeyPair, format_address
from ledger.params import NAIT_PER_AITBC
from ledger.proofs import ProvedAccount, ProvedTransaction, Trust, check_bundle
from tests.processes import RICHES, NodeFolder, NodeProcess, start_node
from tests.wallets import Wallet, chain_time_ms

ALICE, BOB, CAROL = (KeyPair(bytes([n]) * 32) for n in (41, 42, 43))
MSGPACK = {"content-type": "application/msgpack"}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    listen = ["127.0.0.1:0", "[::1]:0", "127.0.0.1:0"]
    folder = NodeFolder(
        tmp_path_factory.mktemp("node") / "n",
        accounts=(ALICE, BOB),
        sections={"http": {"listen": listen, "quotas": {"other": 1_000_000}}},
        with_coordinator=True,
    )
    # As it is started by hand, with an interpreter and imports of its own.
    with start_node(folder, is_warm=False) as node:
        yield node
        assert node.stop() == 0, node.told("did not end well")


@pytest.fixture
def client(node: NodeProcess) -> Iterator[httpx.Client]:
    with node.client() as client:
        yield client


@pytest.fixture
def alice(client: httpx.Client) -> Wallet:
    return Wallet.on(client, ALICE)


def balance_of(client: httpx.Client, key: KeyPair) -> int:
    answer = client.get(f"/v1/chain/accounts/{format_address(key.address)}")
    return int(answer.raise_for_status().json()["balance_nait"])


def submit(client: httpx.Client, body: Any, *, wait: bool = True) -> Any:
    parameters = {"wait": "final"} if wait else {}
    answer = client.post("/v1/chain/transactions", json=body, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


# ---------------------------------------------------------------- submission


def test_one_transfer_as_json_is_final_and_moves_money(client: httpx.Client, alice: Wallet) -> None:
    before = balance_of(client, BOB)
    signed = alice.transfer(BOB.address, 5, chain_time_ms(client))
    outcome = submit(client, {"transaction": signed.hex()})
    assert outcome["status"] == "final"
    assert outcome["transaction_id"] == alice.id_of(signed)
    assert balance_of(client, BOB) == before + 5
    found = client.get(f"/v1/chain/transactions/{outcome['transaction_id']}").json()
    assert (found["status"], found["height"]) == ("final", outcome["height"])
    assert found["action"] == "transfer"
    assert found["signed"] == signed.hex()


def test_a_batch_as_json_gets_an_outcome_each_in_order(client: httpx.Client, alice: Wallet) -> None:
    now_ms = chain_time_ms(client)
    good = [alice.transfer(BOB.address, 1, now_ms) for _ in range(40)]
    poor = Wallet(CAROL, alice.tags, alice.chain_id).transfer(BOB.address, 1, now_ms)
    body = {"transactions": [*(each.hex() for each in good), poor.hex(), good[0].hex(), "00"]}
    outcomes = submit(client, body)["transactions"]
    assert [each["status"] for each in outcomes] == [
        *["final"] * 40,
        "rejected",
        "final",
        "rejected",
    ]
    assert outcomes[40]["code"] == "INSUFFICIENT_BALANCE"
    assert outcomes[42] == {
        "transaction_id": "", "status": "rejected", "code": "MALFORMED",
        "detail": outcomes[42]["detail"],
    }  # fmt: skip


def test_one_transfer_as_messagepack(client: httpx.Client, alice: Wallet) -> None:
    signed = alice.transfer(BOB.address, 2, chain_time_ms(client))
    answer = client.post(
        "/v1/chain/transactions?wait=final", content=msgspec.msgpack.encode(signed), headers=MSGPACK
    )
    assert answer.json()["status"] == "final"


def test_a_batch_as_messagepack(client: httpx.Client, alice: Wallet) -> None:
    now_ms = chain_time_ms(client)
    batch = [alice.transfer(BOB.address, 3, now_ms) for _ in range(40)]
    answer = client.post(
        "/api/v1/chain/transactions?wait=final",
        content=msgspec.msgpack.encode(batch),
        headers=MSGPACK,
    )
    assert [each["status"] for each in answer.json()["transactions"]] == ["final"] * 40


def test_a_transfer_may_create_an_account_for_its_fee(client: httpx.Client, alice: Wallet) -> None:
    newcomer = KeyPair(b"\x66" * 32)
    signed = alice.transfer(newcomer.address, 7, chain_time_ms(client), is_new=True)
    assert submit(client, {"transaction": signed.hex()})["status"] == "final"
    assert balance_of(client, newcomer) == 7


def test_without_waiting_the_answer_is_pooled_and_finality_follows(
    client: httpx.Client, alice: Wallet
) -> None:
    signed = alice.transfer(BOB.address, 1, chain_time_ms(client))
    assert submit(client, {"transaction": signed.hex()}, wait=False)["status"] == "pooled"
    again = submit(client, {"transaction": signed.hex()}, wait=True)
    assert again["status"] == "final"
    assert submit(client, {"transaction": signed.hex()}, wait=False)["status"] == "duplicate"


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"", "application/json", 400, "VALIDATION_ERROR"),
        (b"{", "application/json", 400, "MALFORMED_JSON"),
        (b"{}", "application/json", 400, "VALIDATION_ERROR"),
        (b'{"transaction": "zz"}', "application/json", 400, "VALIDATION_ERROR"),
        (b'{"transaction": "00", "transactions": []}', "application/json", 400, "VALIDATION_ERROR"),
        (b'{"transactions": [1]}', "application/json", 400, "VALIDATION_ERROR"),
        (b'{"transactions": ["00", "0 0 "]}', "application/json", 400, "VALIDATION_ERROR"),
        (b"\xc1", "application/msgpack", 400, "VALIDATION_ERROR"),
        (b"\xa1a", "application/msgpack", 400, "VALIDATION_ERROR"),
        (b"{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"\xc4\x00" * 5_000_000, "application/msgpack", 413, "TOO_LARGE"),
        (msgspec.msgpack.encode([b""] * 10_001), "application/msgpack", 400, "VALIDATION_ERROR"),
    ],
)  # fmt: skip
def test_a_body_of_another_form_is_refused_with_its_reason(
    client: httpx.Client, content: bytes, media_type: str, status: int, code: str
) -> None:
    answer = client.post(
        "/v1/chain/transactions", content=content, headers={"content-type": media_type}
    )
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.json()["detail"]


def test_an_unknown_wait_is_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/chain/transactions?wait=long", json={"transaction": "00"})
    assert answer.status_code == 400


def test_an_empty_batch_is_answered_with_an_empty_list(client: httpx.Client) -> None:
    assert submit(client, {"transactions": []}) == {"transactions": []}


# ---------------------------------------------------------------- reads


def test_a_block_is_the_same_by_height_by_id_and_as_its_canonical_bytes(
    client: httpx.Client, alice: Wallet
) -> None:
    signed = alice.transfer(BOB.address, 1, chain_time_ms(client))
    height = submit(client, {"transaction": signed.hex()})["height"]
    shown = client.get(f"/v1/chain/blocks/{height}").json()
    assert client.get(f"/v1/chain/blocks/{shown['block_id']}").json() == shown
    assert alice.id_of(signed) in shown["transaction_ids"]
    raw = client.get(
        f"/v1/chain/blocks/{height}/bytes", headers={"accept": "application/msgpack"}
    ).content
    block = BLOCK_CODEC.decode(raw)
    assert block_id(alice.tags, block.header).hex() == shown["block_id"]
    assert len(block.transactions) == shown["transaction_count"]


@pytest.mark.parametrize("reference", ["999999", "-1", "01", "x", "0" * 64, "tx_" + "0" * 64])
def test_a_block_that_is_not_there_is_404(client: httpx.Client, reference: str) -> None:
    answer = client.get(f"/v1/chain/blocks/{reference}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "BLOCK_NOT_FOUND")


@pytest.mark.parametrize("reference", ["0" * 64, "tx_" + "ab" * 32, "tx_zz", "pay_" + "0" * 64])
def test_a_transaction_that_is_not_known_is_404(client: httpx.Client, reference: str) -> None:
    answer = client.get(f"/v1/chain/transactions/{reference}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "TRANSACTION_NOT_FOUND")


def test_the_head_follows_and_its_id_is_the_hash_of_its_header(
    client: httpx.Client, alice: Wallet
) -> None:
    head = client.get("/v1/chain/head").json()
    header = HEADER_CODEC.decode(bytes.fromhex(head["header"]))
    assert block_id(alice.tags, header).hex() == head["block_id"]
    assert header.height == head["height"]


def test_an_account_that_nobody_paid_has_nothing(client: httpx.Client) -> None:
    account = client.get(f"/v1/chain/accounts/{format_address(bytes(20))}").json()
    assert (account["balance"], account["spendable_nait"]) == ("0.00", "0")
    wrong = client.get("/v1/chain/accounts/ait1wrong")
    assert wrong.status_code == 400


def test_what_a_node_proves_holds_for_whoever_knows_the_genesis_digest(
    client: httpx.Client, alice: Wallet, node: NodeProcess
) -> None:
    signed = alice.transfer(BOB.address, 3, chain_time_ms(client))
    sent = submit(client, {"transaction": signed.hex()})
    trust = Trust(node.folder.genesis.digest)
    bundle = client.get(f"/api/v1/proofs/transaction/{sent['transaction_id']}").content
    proved = check_bundle(bundle, trust)
    assert isinstance(proved.claim, ProvedTransaction)
    assert encode(proved.claim.signed) == signed
    assert proved.block.header.height == sent["height"]
    account = check_bundle(
        client.get(f"/v1/proofs/account/{format_address(BOB.address)}").content, trust
    )
    assert isinstance(account.claim, ProvedAccount)
    assert account.claim.record is not None
    assert account.block.header.height >= sent["height"]


def test_health_is_one_object_on_every_path(client: httpx.Client) -> None:
    for path in ("/health", "/v1/health", "/api/health", "/api/v1/health"):
        health = client.get(path).json()
        assert health["status"] == "ok"
        assert health["environment"] == "tests"
        assert health["services"] == dict.fromkeys(
            ("database", "blockchain", "marketplace"), "healthy"
        )
        assert health["timestamp"].endswith("Z")


def test_metrics_count_what_happened(client: httpx.Client, alice: Wallet) -> None:
    signed = alice.transfer(BOB.address, 1, chain_time_ms(client))
    submit(client, {"transaction": signed.hex()})
    client.post("/v1/chain/transactions", json={"transaction": "00"})
    client.get("/nobody/asked/for/this")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].count("charset") == 1
    text = answer.text
    for line in (
        'aitbc_http_requests_total{method="POST",route="/v1/chain/transactions",status="200"}',
        'aitbc_http_requests_total{method="GET",route="none",status="404"}',
        'aitbc_rejected_transactions_total{code="MALFORMED"}',
        "aitbc_final_height ",
        "aitbc_indexed_height ",
        "aitbc_index_lag_blocks ",
        "aitbc_index_lag_seconds ",
        "aitbc_index_faulty 0.0",
        "aitbc_index_restarts 0.0",
        "aitbc_pool_transactions 0.0",
        "aitbc_journal_sync_seconds_bucket",
        "aitbc_store_commit_seconds_bucket",
        "aitbc_event_loop_lag_seconds_bucket",
    ):
        assert line in text, line
    assert "nobody/asked" not in text


def test_the_index_catches_up(client: httpx.Client, alice: Wallet) -> None:
    signed = alice.transfer(BOB.address, 1, chain_time_ms(client))
    height = submit(client, {"transaction": signed.hex()})["height"]
    deadline = time.monotonic() + 20
    while client.get("/v1/chain/status").json()["indexed_height"] < height:
        assert time.monotonic() < deadline


# ---------------------------------------------------------------- start and stop


def test_what_was_final_is_there_after_a_restart(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n", accounts=(ALICE, BOB))
    with start_node(folder) as node, node.client() as client:
        alice = Wallet.on(client, ALICE)
        signed = alice.transfer(BOB.address, NAIT_PER_AITBC, chain_time_ms(client))
        first = submit(client, {"transaction": signed.hex()})
        assert node.stop() == 0
    with start_node(folder) as node, node.client() as client:
        found = client.get(f"/v1/chain/transactions/{first['transaction_id']}").json()
        assert (found["status"], found["height"]) == ("final", first["height"])
        assert balance_of(client, BOB) == RICHES + NAIT_PER_AITBC
        again = submit(client, {"transaction": signed.hex()}, wait=False)
        assert again["status"] == "duplicate"
        assert node.stop(signal.SIGINT) == 0


def test_a_lost_journal_needs_the_operators_word(tmp_path: Path) -> None:
    """Whoever forgot its votes could contradict them (S10)."""
    folder = NodeFolder(tmp_path / "n", accounts=(ALICE, BOB))
    with start_node(folder) as node, node.client() as client:
        signed = Wallet.on(client, ALICE).transfer(BOB.address, 1, chain_time_ms(client))
        submit(client, {"transaction": signed.hex()})
        assert node.stop() == 0
    shutil.rmtree(folder.data / "journal")
    with NodeProcess(folder) as node:
        assert node.wait_end() == 5
        assert "--never-voted-in-epoch 0" in node.log_file.read_text()
    with NodeProcess(folder, options=["--never-voted-in-epoch", "0"]) as node:
        with node.wait_ready().client() as client:
            signed = Wallet.on(client, ALICE).transfer(BOB.address, 2, chain_time_ms(client))
            assert submit(client, {"transaction": signed.hex()})["status"] == "final"
        assert node.stop() == 0


def test_a_second_node_on_the_same_data_is_refused(node: NodeProcess) -> None:
    second = NodeProcess(node.folder)
    with second:
        assert second.wait_end() == 5
    said = second.log_file.read_text().splitlines()[-1]
    assert said.startswith("aitbc: another process")
    assert "Traceback" not in second.log_file.read_text()


def test_a_port_in_use_is_named_with_its_remedy(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        folder = NodeFolder(tmp_path / "n", sections={"http": {"listen": [address]}})
        with NodeProcess(folder) as node:
            assert node.wait_end() == 4
        said = node.log_file.read_text()
        assert f"{address} is in use" in said
        assert "choose another port" in said
        assert not folder.data.exists()


def test_all_addresses_serve_the_same(node: NodeProcess) -> None:
    answers = [httpx.get(f"{url}/v1/chain/status").json() for url in node.ready["urls"]]
    assert len({answer["chain_id"] for answer in answers}) == 1
    assert len(answers) == (3 if _has_ipv6() else 2)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_what_cannot_be_used_is_said_in_one_paragraph(tmp_path: Path) -> None:
    account = {"key_file": "payout.key", "passphrase_file": "passphrase"}
    folder = NodeFolder(tmp_path / "n", sections={"validator": account})
    with NodeProcess(folder) as node:
        assert node.wait_end() == 1
    (line,) = node.log_file.read_text().splitlines()
    assert line.startswith("aitbc: ")
    assert "a key of role account where one of role validator is needed" in line
