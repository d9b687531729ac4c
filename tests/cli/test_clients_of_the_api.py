"""The commands of clients against a real node, whose miner is a thread that speaks the protocol."""

import csv
import io
import json
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from cli.main import main
from tests.processes import NodeFolder, NodeProcess, start_node
from tests.rest_miner import RestMiner
from tests.sdk.proving_nodes import lying_proxy
from tests.sdk.scripted_server import serving

ANSWER = "Because of Rayleigh."


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = NodeFolder(tmp_path_factory.mktemp("node") / "n", with_coordinator=True)
    with start_node(folder) as node:
        yield node


@pytest.fixture(scope="module")
def miner(node: NodeProcess) -> RestMiner:
    return RestMiner.registered(node, "a-miner", "llama3.2")


@pytest.fixture
def aitbc(
    node: NodeProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command in this process, against the node that the environment names."""
    monkeypatch.setenv("AITBC_BASE_URL", node.url)

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["aitbc", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run


def test_text_is_printed_as_it_comes_and_is_the_result(miner: RestMiner, aitbc: Run) -> None:
    with miner.working(ANSWER, "Because of ", "Rayleigh."):
        done = aitbc("job", "run", "Why is the sky blue?", "--parameter", "max_tokens=8")
    assert (done.code, done.out) == (0, f"{ANSWER}\n"), done.err
    job_id = done.err.strip()
    again = aitbc("job", "stream", job_id)
    assert (again.code, again.out) == (0, f"{ANSWER}\n")
    assert job_id in aitbc("job", "list", "--state", "completed").out


def test_a_result_that_is_not_what_was_said_is_printed_whole(miner: RestMiner, aitbc: Run) -> None:
    with miner.working(ANSWER, "Because of the sea."):
        done = aitbc("job", "run", "Why is the sky blue?")
    assert done.out == f"Because of the sea.{ANSWER}\n"
    assert "another text" in done.err


def test_events_are_lines_of_json_for_programs(miner: RestMiner, aitbc: Run) -> None:
    with miner.working(ANSWER, ANSWER):
        done = aitbc("job", "run", "Why is the sky blue?", "--json")
    *events, result = map(json.loads, done.out.splitlines())
    assert [event["state"] for event in events if event["event"] == "state"][-1] == "COMPLETED"
    assert "".join(event["text"] for event in events if event["event"] == "text") == ANSWER
    assert (result["event"], result["result"]["output"]) == ("result", ANSWER)


def test_a_receipt_is_checked_on_this_machine(miner: RestMiner, aitbc: Run) -> None:
    with miner.working(ANSWER):
        ordered = aitbc("job", "submit", "Why?", "--wait", "--json")
    job_id = json.loads(ordered.out)["job_id"]
    checked = aitbc("job", "receipt", job_id, "--json")
    assert checked.code == 0, checked.err
    found = json.loads(checked.out)
    assert found["job_id"] == job_id
    assert found["block"]["signers"] == ["alone"]
    other = aitbc("job", "receipt", job_id, "--genesis-digest", "00" * 32)
    assert (other.code, "another chain" in other.err) == (Exit.REFUSED, True)


def richer(bundle: dict[str, Any]) -> None:
    """Lie that an account has more than it has, or that a receipt is of another index."""
    if "account" in bundle:
        bundle["account"]["record"] = "91cf7fffffffffffffff"
    elif "receipt" in bundle:
        bundle["receipt"]["index"] = str(int(bundle["receipt"]["index"]) + 1)


def test_what_a_real_node_proves_is_verified_and_a_lying_proxy_is_named(
    node: NodeProcess, miner: RestMiner, aitbc: Run, tmp_path: Path
) -> None:
    genesis = node.folder.root / "genesis.json"
    with miner.working(ANSWER):
        ordered = aitbc("job", "submit", "Why?", "--wait", "--json")
    receipt = json.loads(aitbc("job", "receipt", json.loads(ordered.out)["job_id"], "--json").out)
    receipt_id, client = receipt["receipt_id"], receipt["client"]
    for proof in (f"receipt/{receipt_id}", f"account/{client}", "validators"):
        done = aitbc("verify", f"{node.url}/v1/proofs/{proof}", "--genesis", genesis)
        assert done.code == Exit.DONE, done.out
    with serving(lying_proxy(node.url, richer)) as liar:
        patient = ("light", "--genesis", genesis, "--max-age", "3600", "--timeout", "60")
        light = (*patient, "--node", liar.url, "--node", node.url, "--state", tmp_path / "l.json")
        told = aitbc(*light, "receipt", receipt_id)
        assert told.code == Exit.DONE, told.err
        assert f"receipt         {receipt_id}\n" in told.out
        assert f"{liar.url} LIES: its proof fails at the step inclusion: " in told.err
        balance = aitbc(*light, "balance", client, "--json")
        assert balance.code == Exit.DONE, balance.err
        shown = json.loads(balance.out)
        assert (shown["proved_by"], shown["is_fresh"]) == (node.url, True)
        assert [fault["kind"] for fault in shown["faults"]] == ["lies"]
        assert shown["block"]["height"] >= receipt["block"]["height"]
        alone = aitbc(*patient, "--node", liar.url, "balance", client)
        assert (alone.code, alone.out) == (Exit.UNREACHABLE, "")
    followed = aitbc(*light, "follow", "--count", "1")
    assert followed.out.startswith("block ")
    assert f"by {node.url}" in followed.out


def test_a_job_that_is_cancelled_ends_its_stream_without_a_result(aitbc: Run) -> None:
    job_id = aitbc("job", "submit", "Why?", "--hold").out.strip()
    assert aitbc("job", "cancel", job_id).code == 0
    streamed = aitbc("job", "stream", job_id)
    assert (streamed.code, streamed.out) == (Exit.NO_RESULT, "")
    assert "ended as CANCELLED" in streamed.err


def test_a_quote_orders_nothing(miner: RestMiner, aitbc: Run, tmp_path: Path) -> None:
    before = aitbc("job", "list", "--json").out
    quote = json.loads(aitbc("job", "quote", "Why?", "--json").out)
    assert (quote["service"], quote["eligible_miners"]) == ("llm_inference", 1)
    assert "is possible" in aitbc("job", "quote", "Why?").out
    dear = ("--max-price", "0.2", "--ttl", "60", "--parameter", "max_tokens=8", "--json")
    assert json.loads(aitbc("job", "quote", "Why?", *dear).out)["max_price"] == "0.20"
    clip = tmp_path / "clip.mov"
    clip.write_bytes(b"frames")
    encoding = ("--service", "ffmpeg_transcode", "--field", "output_format=mp4", "--json")
    of_file = aitbc("job", "quote", *encoding, "--file", f"input_url={clip}")
    assert of_file.code == 0, of_file.err
    assert json.loads(of_file.out)["service"] == "ffmpeg_transcode"
    missing = aitbc("job", "quote", *encoding, "--file", "input_url=/no/such")
    assert (missing.code, "/no/such cannot be read" in missing.err) == (Exit.REFUSED, True)
    assert aitbc("job", "list", "--json").out == before


def test_a_job_that_nobody_could_do_is_refused_where_that_is_wished(
    miner: RestMiner, aitbc: Run
) -> None:
    refused = aitbc("job", "submit", "Why?", "--model", "nobodys-model", "--strict")
    assert (refused.code, "JOB_NOT_POSSIBLE" in refused.err) == (Exit.REFUSED, True)


def test_a_receipt_is_disputed_and_accepted_within_its_window(miner: RestMiner, aitbc: Run) -> None:
    with miner.working(ANSWER):
        ordered = aitbc("job", "submit", "Why?", "--dispute-window", "600", "--wait", "--json")
    job_id = json.loads(ordered.out)["job_id"]
    disputed = aitbc("job", "dispute", job_id, "--reason", "RESULT_MALFORMED", "--json")
    assert disputed.code == 0, disputed.err
    assert json.loads(disputed.out)["status"] == "disputed"
    accepted = aitbc("job", "accept", job_id)
    assert (accepted.code, "released" in accepted.out) == (0, True), accepted.err


def test_balance_and_statement_agree(aitbc: Run) -> None:
    balance = json.loads(aitbc("balance", "--json").out)
    assert "available" in aitbc("balance").out
    statement = json.loads(aitbc("statement", "--json").out)
    lines = statement["lines"]
    assert lines[-1]["balance"] == statement["closing_balance"]
    assert balance["address"] in {account["address"] for account in statement["accounts"]}
    assert f"closing {statement['closing_balance']}" in aitbc("statement").out
    sheet = list(csv.DictReader(io.StringIO(aitbc("statement", "--csv").out)))
    assert [line["at"] for line in sheet] == [line["at"] for line in lines]


def test_an_offer_is_made_accepted_and_withdrawn(miner: RestMiner, aitbc: Run) -> None:
    made = aitbc(
        *("offer", "create", "llm_inference", "--price", "0.001", "--max-jobs", "2", "--json"),
        *("--requirement", "min_gpu_memory=4Gi"),
    )
    assert made.code == 0, made.err
    offer_id = json.loads(made.out)["offer_id"]
    assert "4Gi" in aitbc("offer", "show", offer_id, "--json").out
    assert offer_id in aitbc("offer", "list", "--type", "llm_inference").out
    assert json.loads(aitbc("offer", "list", "--max-price", "0.0005", "--json").out) == []
    assert aitbc("offer", "list", "--max-price", "0.0005").out == "no offers\n"
    job_id = aitbc("job", "submit", "Why?", "--hold").out.strip()
    accepted = aitbc("offer", "accept", offer_id, job_id, "--max-price", "0.001")
    assert (accepted.code, "transaction id" in accepted.out) == (0, True), accepted.err
    assert "jobs left            1" in aitbc("offer", "show", offer_id).out
    assert "withdrawn" in aitbc("offer", "withdraw", offer_id).out
    late = aitbc("offer", "accept", offer_id, aitbc("job", "submit", "Why?", "--hold").out.strip())
    assert (late.code, "OFFER_NOT_AVAILABLE" in late.err) == (Exit.REFUSED, True)


def test_a_webhook_is_registered_changed_tested_and_deleted(aitbc: Run) -> None:
    made = json.loads(aitbc("webhook", "create", "https://your-app.com/webhook", "--json").out)
    assert made["secret"].startswith("whsec_")
    assert made["id"] in aitbc("webhook", "list").out
    changed = aitbc("webhook", "change", made["id"], "--disable", "--event", "job.failed", "--json")
    assert json.loads(changed.out)["status"] == "disabled"
    assert "nothing to change" in aitbc("webhook", "change", made["id"]).err
    assert aitbc("webhook", "test", made["id"]).code == Exit.REFUSED
    aitbc("webhook", "change", made["id"], "--enable")
    sent = json.loads(aitbc("webhook", "test", made["id"], "--json").out)
    assert sent["id"] in aitbc("webhook", "deliveries", made["id"]).out
    assert "active" in aitbc("webhook", "show", made["id"]).out
    assert aitbc("webhook", "delete", made["id"]).out == f"deleted {made['id']}\n"
    assert aitbc("webhook", "list").out == "no webhooks\n"


def test_a_key_is_made_used_rotated_and_revoked(aitbc: Run, tmp_path: Path) -> None:
    own, other = tmp_path / "own.key", tmp_path / "other.key"
    assert aitbc("key", "register", "--label", "a person", "--out", own).code == 0
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    with_own = ("--api-key-file", own)
    made = aitbc("key", "create", "--scope", "read", "--out", other, *with_own, "--json")
    shown = json.loads(made.out)
    assert "api_key" not in shown
    assert "must be a new file" in aitbc("key", "create", "--out", other, *with_own).err
    assert json.loads(aitbc("balance", "--json", "--api-key-file", other).out)["reserved"] == "0.00"
    refused = aitbc("job", "submit", "Why?", "--api-key-file", other)
    assert (refused.code, "FORBIDDEN" in refused.err) == (Exit.REFUSED, True)
    successor = aitbc("key", "rotate", shown["key_id"], "--overlap", "0", *with_own, "--json")
    assert json.loads(successor.out)["scopes"] == ["read"]
    assert aitbc("key", "revoke", json.loads(successor.out)["key_id"], *with_own).code == 0
    assert "INVALID_API_KEY" in aitbc("balance", "--api-key-file", other).err
    listed = json.loads(aitbc("key", "list", "--json", *with_own).out)
    own_id = next(
        key["key_id"] for key in listed if not key["is_revoked"] and "client" in key["scopes"]
    )
    assert "requests" in aitbc("key", "usage", own_id, *with_own).out
