"""What must stay secret is looked for in everything that a node writes while it does a job."""

import base64
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.keys import KeyPair
from node.keyfile import Role
from tests.processes import PASSPHRASE, NodeFolder, NodeProcess, start_node
from tests.wallets import Wallet, chain_time_ms

PROMPT = "the prompt that only client and miner may know 5f1c"
RESULT = "the result that only client and miner may know 88ab"
KEY_FILES = {"passphrase", "wrapping.key", "validator.key", "payout.key", "coordinator.key",
             "faucet.key"}  # fmt: skip


def wait_for(client: httpx.Client, path: str, member: str, value: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        answer: dict[str, Any] = client.get(path).raise_for_status().json()
        if answer[member] == value:
            return answer
        assert time.monotonic() < deadline, answer


def do_a_job(client: httpx.Client, api_key: str) -> None:
    """Run one job from submission to payment, as a client with a key and a miner without one."""
    client.post(
        "/v1/miners/register", json={"miner_id": "secretive", "capabilities": ["llama3.2"]}
    ).raise_for_status()
    client.headers["x-api-key"] = api_key
    wait_for(client, "/v1/clients/me", "balance", "1000.00")
    job = client.post("/v1/jobs", json={"prompt": PROMPT}).raise_for_status().json()
    job_path = f"/v1/jobs/{job['job_id']}"
    del client.headers["x-api-key"]
    deadline = time.monotonic() + 30
    while (client.get("/v1/jobs/available?miner_id=secretive").json() or {}).get("prompt") is None:
        assert time.monotonic() < deadline
    miner = {"miner_id": "secretive"}
    client.post(f"{job_path}/claim", json=miner).raise_for_status()
    client.post(f"{job_path}/complete", json={**miner, "result": RESULT}).raise_for_status()
    client.headers["x-api-key"] = api_key
    done = wait_for(client, job_path, "status", "completed")
    assert done["result"] == RESULT
    del client.headers["x-api-key"]


def provoke(client: httpx.Client, api_key: str) -> None:
    """Make mistakes with secrets in them, which end up in errors if anything does."""
    wrong = api_key[:-1] + ("0" if api_key[-1] != "0" else "1")
    for headers in ({"x-api-key": wrong}, {"authorization": f"Bearer {wrong}"}):
        assert client.get("/v1/jobs", headers=headers).status_code == 401
    both = {"x-api-key": api_key, "authorization": "Bearer other"}
    assert client.get("/v1/jobs", headers=both).status_code >= 400
    client.get(f"/nowhere/{api_key}?ticket={api_key}", headers={"x-api-key": api_key})
    client.post("/v1/jobs", content=f'{{"prompt": "{PROMPT}", ', headers={"x-api-key": api_key})
    client.post("/v1/jobs", json={"prompt": [PROMPT]}, headers={"x-api-key": api_key})
    client.post("/v1/chain/transactions", json={"transaction": PROMPT})


def spellings(secret: bytes) -> list[bytes]:
    """Return the forms in which a key could slip out."""
    return [secret, secret.hex().encode(), base64.b64encode(secret)[:-2],
            base64.urlsafe_b64encode(secret)[:-2]]  # fmt: skip


@pytest.fixture(scope="module")
def remains(tmp_path_factory: pytest.TempPathFactory) -> tuple[NodeProcess, str]:
    """A node that did a job and a transfer, was insulted, and stopped; and the key it gave out."""
    rich = KeyPair(b"\x61" * 32)
    root: Path = tmp_path_factory.mktemp("secrets") / "n"
    folder = NodeFolder(root, accounts=(rich,), with_coordinator=True)
    with start_node(folder) as node, node.client() as client:
        registered = client.post("/v1/clients", json={"label": "a client"}).raise_for_status()
        api_key: str = registered.json()["api_key"]
        do_a_job(client, api_key)
        wallet = Wallet.on(client, rich)
        signed = wallet.transfer(rich.address, 1, chain_time_ms(client))
        body = {"transaction": signed.hex()}
        sent = client.post("/v1/chain/transactions?wait=final", json=body).json()
        assert sent["status"] == "final"
        provoke(client, api_key)
        assert node.stop() == 0, node.told("did not end well")
    return node, api_key


def written(node: NodeProcess) -> dict[str, bytes]:
    """Return everything that the node wrote, by name, but for the files that hold keys."""
    root = node.folder.root
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name not in KEY_FILES
    }
    assert {"node.log", "data/chain.db", "data/index.db", "data/coordinator.db"} <= set(files)
    return {**files, "standard output": node.output}


def test_no_secret_is_in_anything_that_a_node_writes(remains: tuple[NodeProcess, str]) -> None:
    node, api_key = remains
    secrets = [PASSPHRASE.encode(), api_key.encode(), api_key.split("_")[2].encode()]
    for name, role in (
        ("validator", Role.VALIDATOR),
        ("coordinator", Role.COORDINATOR),
        ("faucet", Role.ACCOUNT),
    ):
        secrets += spellings(node.folder.key(name, role).seed())
    secrets += spellings((node.folder.root / "wrapping.key").read_bytes())
    for name, content in written(node).items():
        for secret in secrets:
            assert secret not in content, f"{secret!r} is in {name}"


def test_what_client_and_miner_said_is_neither_logged_nor_on_the_chain(
    remains: tuple[NodeProcess, str],
) -> None:
    node, _ = remains
    for name, content in written(node).items():
        if name.startswith(("data/coordinator", "data/artifacts")):
            continue
        for text in (PROMPT, RESULT):
            assert text.encode() not in content, f"{text!r} is in {name}"


def test_the_search_would_find_them(remains: tuple[NodeProcess, str]) -> None:
    """The payload is kept by the coordinator, so the same search has to find it there."""
    node, _ = remains
    kept = b"".join(
        content for name, content in written(node).items() if name.startswith("data/coordinator")
    )
    assert PROMPT.encode() in kept


def test_a_node_whose_wrapping_key_is_lost_says_so_and_makes_no_other(
    remains: tuple[NodeProcess, str],
) -> None:
    folder = remains[0].folder
    place, elsewhere = folder.root / "wrapping.key", folder.root / "moved.key"
    place.rename(elsewhere)
    with NodeProcess(folder) as node:
        assert node.wait_end() == 5
    (said,) = node.log_file.read_text().splitlines()[-1:]
    assert said.startswith("aitbc: wrapping key")
    assert "coordinator.wrapping_key_file" in said
    assert not place.exists()
    elsewhere.rename(place)
