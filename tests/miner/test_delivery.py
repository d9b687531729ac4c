"""Finished work reaches the coordinator, through restarts and lost time, or is dropped for good."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aitbc import Client, SigningKey, action_array, read_transaction, sign_transaction
from miner.delivery import KEEP_MS, Courier, Delivered
from miner.log import Log
from miner.node_api import NodeApi
from miner.signing import VALIDITY_MS
from miner.spool import Spool, SpoolEntry
from tests.miner.chain_of_one_job import NOW_MS, ONCE, TAGS, signer_at
from tests.sdk.scripted_server import Asked, Reply, ScriptedServer, serving

KEY = SigningKey.generate()


@dataclass
class NodeScript:
    """A node's answers to a courier."""

    time_ms: int = NOW_MS
    transaction_status: str = ""
    """Where the chain has the receipt; empty if it knows none."""
    completions: list[Reply] = field(default_factory=list)
    """Answers to completions in turn, then receipts."""
    received: list[dict[str, object]] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/v1/chain/status":
            return Reply(200, {"timestamp_ms": self.time_ms})
        if asked.path == "/v1/chain/transactions":
            self.receipts.append(json.loads(asked.body)["transaction"])
            return Reply(200, {"transaction_id": "tx_", "status": "pooled"})
        if asked.path.startswith("/v1/chain/transactions/"):
            return self._transaction()
        self.received.append(json.loads(asked.body))
        if self.completions:
            return self.completions.pop(0)
        return Reply(200, {"receipt_id": "receipt_1", "price": 0.1})

    def _transaction(self) -> Reply:
        if not self.transaction_status:
            return refusal(404, "TRANSACTION_NOT_FOUND")
        return Reply(200, {"transaction_id": "tx_", "status": self.transaction_status})


def refusal(status: int, code: str, pointer: str = "") -> Reply:
    faults = [{"pointer": pointer, "code": "X", "detail": "d"}] if pointer else []
    return Reply(status, {"detail": "no", "error_code": code, "errors": faults})


def entry_valid_until(valid_until_ms: int) -> SpoolEntry:
    action = action_array("accept_receipt", job_id=bytes(32), receipt_id=bytes(32))
    signed = sign_transaction(TAGS, KEY, action, fee=0, valid_until_ms=valid_until_ms)
    return SpoolEntry(
        job_id="job_" + "0" * 64,
        attempt=1,
        transaction=signed.signed.hex(),
        valid_until_ms=valid_until_ms,
        deadline_ms=NOW_MS,
        output={"text": "done", "artifacts": [], "metadata": {}},
        salt="00" * 32,
    )


IN_TIME = entry_valid_until(NOW_MS + 1_000)
LATE = entry_valid_until(NOW_MS)


@dataclass
class Post:
    """A courier with its spool, log and scripted node."""

    courier: Courier
    spool: Spool
    script: NodeScript
    log_file: Path
    stopping: threading.Event = field(default_factory=threading.Event)

    def deliver(self, entry: SpoolEntry) -> Delivered:
        self.spool.add(entry)
        return self.courier.deliver(entry, self.stopping)


PostTo = Callable[[list[str], NodeScript], Post]


@pytest.fixture
def post_to(tmp_path: Path) -> Iterator[PostTo]:
    """Make couriers that share a spool, and close what they opened."""
    with ExitStack() as stack:

        def make(urls: list[str], script: NodeScript) -> Post:
            nodes = [stack.enter_context(Client(url, retry=ONCE)) for url in urls]
            log_file = tmp_path / "miner.log"
            descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            stack.callback(os.close, descriptor)
            spool, signer = Spool(tmp_path / "spool"), signer_at(nodes[0], KEY)
            courier = Courier(NodeApi(nodes[0], "m"), nodes, spool, signer, Log(descriptor))
            return Post(courier, spool, script, log_file)

        yield make


def test_an_acknowledged_entry_leaves_the_spool(post_to: PostTo) -> None:
    script = NodeScript()
    with serving(script) as server:
        post = post_to([server.url], script)
        assert post.deliver(IN_TIME) is Delivered.ACKNOWLEDGED
    assert post.spool.entries() == []
    assert script.received == [{"miner_id": "m", **IN_TIME.body}]


def test_the_receipt_goes_to_two_nodes_before_the_result(post_to: PostTo) -> None:
    script, witness, third = NodeScript(), NodeScript(), NodeScript()
    with serving(script) as one, serving(witness) as two, serving(third) as three:
        post = post_to([one.url, two.url, three.url], script)
        post.deliver(IN_TIME)
        paths = [asked.path for asked in one.asked]
    assert script.receipts == witness.receipts == [IN_TIME.transaction]
    assert third.receipts == []
    assert paths.index("/v1/chain/transactions") < paths.index(
        f"/v1/jobs/{IN_TIME.job_id}/complete"
    )


def test_a_second_node_that_is_down_does_not_hold_the_result_up(post_to: PostTo) -> None:
    script = NodeScript()
    with serving(script) as server:
        post = post_to([server.url, "http://127.0.0.1:1"], script)
        assert post.deliver(IN_TIME) is Delivered.ACKNOWLEDGED


def test_a_node_that_is_down_and_comes_back_gets_the_same_bytes(post_to: PostTo) -> None:
    script = NodeScript()
    first = ScriptedServer(script)
    first.close()
    post = post_to([first.url], script)
    outcomes: list[Delivered] = []
    thread = threading.Thread(target=lambda: outcomes.append(post.deliver(IN_TIME)))
    thread.start()
    while b"delivery failed" not in post.log_file.read_bytes():
        thread.join(0.01)
        assert thread.is_alive()
    assert post.spool.entries() == [IN_TIME]
    with serving(script, first.port):
        thread.join()
    assert outcomes == [Delivered.ACKNOWLEDGED]
    assert script.received == [{"miner_id": "m", **IN_TIME.body}]


def test_a_node_that_is_starting_is_waited_for(post_to: PostTo) -> None:
    script = NodeScript(completions=[refusal(503, "UNAVAILABLE")])
    with serving(script) as server:
        post = post_to([server.url], script)
        assert post.deliver(IN_TIME) is Delivered.ACKNOWLEDGED
    assert len(script.received) == 2


def test_stopping_leaves_the_entry_for_the_next_start(post_to: PostTo) -> None:
    script = NodeScript()
    post = post_to(["http://127.0.0.1:1"], script)
    post.stopping.set()
    assert post.deliver(IN_TIME) is Delivered.UNREACHABLE
    assert post.spool.entries() == [IN_TIME]
    with serving(script) as server:
        resumed = post_to([server.url], script)
        resumed.courier.deliver_spooled(resumed.stopping)
    assert resumed.spool.entries() == []
    assert script.received == [{"miner_id": "m", **IN_TIME.body}]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "LEASE_LOST"),
        (409, "JOB_ALREADY_COMPLETED"),
        (404, "JOB_NOT_FOUND"),
        (400, "RECEIPT_INVALID"),
        (403, "FORBIDDEN"),
    ],
)
def test_a_refusal_for_good_drops_the_entry_and_says_so(
    status: int, code: str, post_to: PostTo
) -> None:
    script = NodeScript(completions=[refusal(status, code)])
    with serving(script) as server:
        post = post_to([server.url], script)
        assert post.deliver(IN_TIME) is Delivered.REFUSED
    assert post.spool.entries() == []
    assert code in post.log_file.read_text()


@pytest.mark.parametrize(
    "answer", [Reply(404, b"proxy"), refusal(500, "INTERNAL"), Reply(200, b"")]
)
def test_an_answer_that_is_not_the_coordinators_word_keeps_the_entry(
    answer: Reply, post_to: PostTo
) -> None:
    script = NodeScript(completions=[answer])
    with serving(script) as server:
        post = post_to([server.url], script)
        assert post.deliver(IN_TIME) is Delivered.LATER
    assert post.spool.entries() == [IN_TIME]


def test_a_receipt_that_ran_out_of_time_is_signed_anew(post_to: PostTo) -> None:
    script = NodeScript()
    with serving(script) as server:
        post = post_to([server.url], script)
        assert post.deliver(LATE) is Delivered.ACKNOWLEDGED
    (body,) = script.received
    renewed = read_transaction(TAGS, bytes.fromhex(str(body["transaction"])))
    old = read_transaction(TAGS, bytes.fromhex(LATE.transaction))
    assert (renewed.action, renewed.fields) == (old.action, old.fields)
    assert renewed.transaction_id != old.transaction_id
    assert renewed.valid_until_ms == NOW_MS + VALIDITY_MS
    assert script.receipts == [body["transaction"]]


@pytest.mark.parametrize("status", ["pooled", "included", "final"])
def test_a_receipt_that_the_chain_has_is_never_signed_anew(status: str, post_to: PostTo) -> None:
    script = NodeScript(transaction_status=status)
    with serving(script) as server:
        post = post_to([server.url], script)
        assert post.deliver(LATE) is Delivered.ACKNOWLEDGED
    assert script.received == [{"miner_id": "m", **LATE.body}]


def test_new_bytes_are_on_disk_before_they_are_sent(post_to: PostTo) -> None:
    script = NodeScript(completions=[refusal(500, "INTERNAL")])
    with serving(script) as server:
        post = post_to([server.url], script)
        assert post.deliver(LATE) is Delivered.LATER
        (kept,) = post.spool.entries()
        assert kept.transaction == script.received[0]["transaction"] != LATE.transaction


def test_a_coordinator_that_finds_the_receipt_too_late_gets_a_new_one(post_to: PostTo) -> None:
    too_late = refusal(400, "RECEIPT_INVALID", "/transaction/valid_until_ms")
    script = NodeScript(completions=[too_late])
    with serving(script) as server:
        post = post_to([server.url], script)
        assert post.deliver(IN_TIME) is Delivered.LATER
        script.time_ms = IN_TIME.valid_until_ms
        post.courier.deliver_spooled(post.stopping)
    assert post.spool.entries() == []
    assert script.received[0]["transaction"] != script.received[1]["transaction"]


def test_work_that_nobody_can_pay_any_more_is_dropped(post_to: PostTo) -> None:
    script = NodeScript(time_ms=NOW_MS + KEEP_MS + 1)
    with serving(script) as server:
        post = post_to([server.url], script)
        assert post.deliver(LATE) is Delivered.REFUSED
    assert post.spool.entries() == []
    assert script.received == []


def test_an_entry_of_another_chain_is_dropped(post_to: PostTo) -> None:
    script = NodeScript(time_ms=NOW_MS + 10)
    foreign = entry_valid_until(NOW_MS)
    broken = foreign.with_receipt("00" + foreign.transaction[2:], foreign.valid_until_ms)
    with serving(script) as server:
        post = post_to([server.url], script)
        assert post.deliver(broken) is Delivered.REFUSED
