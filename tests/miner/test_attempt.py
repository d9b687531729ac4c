"""One attempt against a scripted coordinator: how it ends, and what the coordinator is told."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aitbc import Client, SigningKey, canonical_json, read_transaction
from miner.attempt import Attempt, receipt_price
from miner.log import Log
from miner.node_api import NodeApi
from miner.spool import SpoolEntry
from miner.work import BadInput, Output, RunnerFailed, Work, WorkCancelled
from tests.miner.chain_of_one_job import NOW_MS, ONCE, TAGS, OneJob, signer_at
from tests.sdk.scripted_server import Asked, Reply, serving

KEY = SigningKey.generate()
DONE = Output(units_micro=3_000_000, unit_type="tokens", model="m", text="done")


@dataclass
class CallRunner:
    """A runner that does what a test says."""

    act: Callable[[Work], Output]
    service: str = "llm_inference"
    models: tuple[str, ...] = ("m",)

    def run(self, work: Work) -> Output:
        return self.act(work)

    def close(self) -> None:
        """Nothing to end."""


@dataclass
class Coordinator:
    """Answers an attempt; shows the escrow of its job."""

    job: OneJob
    heartbeat: Reply = field(default_factory=lambda: Reply(200, {"cancel": False}))
    calls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/v1/chain/status":
            return Reply(200, {"timestamp_ms": NOW_MS})
        if asked.path.startswith("/v1/chain/transactions/"):
            return Reply(200, {"status": "final", "signed": self.job.escrow.signed.hex()})
        verb = asked.path.rpartition("/")[2]
        self.calls.setdefault(verb, []).append(json.loads(asked.body))
        return self.heartbeat if verb == "heartbeat" else Reply(200, {})

    def reason(self, verb: str) -> str:
        """Return the reason of the only call of a verb, whose signed release must say the same."""
        (call,) = self.calls[verb]
        release = read_transaction(TAGS, bytes.fromhex(call["transaction"]))
        assert (release.action, release.sender) == ("release_job", KEY.address)
        assert release.fields["job_id"] == self.job.lease.job_digest
        assert release.fee == 0
        reason = release.fields["reason"]
        assert isinstance(reason, int)
        return f"{call['reason']} {reason}"


@contextmanager
def attempt_at(coordinator: Coordinator) -> Iterator[Attempt]:
    with serving(coordinator) as server, Client(server.url, retry=ONCE) as client:
        log = os.open(os.devnull, os.O_WRONLY)
        api = NodeApi(client, "miner")
        yield Attempt(api, client, signer_at(client, KEY), coordinator.job.lease, Log(log))
        os.close(log)


def attempt(
    coordinator: Coordinator, act: Callable[[Work], Output], folder: Path
) -> SpoolEntry | None:
    with attempt_at(coordinator) as one:
        entry = one.run(CallRunner(act), folder)
    assert list(folder.iterdir()) == [], "the workspace is removed"
    return entry


def raising(error: Exception) -> Callable[[Work], Output]:
    def act(_work: Work) -> Output:
        raise error

    return act


def test_finished_work_has_a_receipt_that_repeats_the_terms(tmp_path: Path) -> None:
    coordinator = Coordinator(OneJob.make())
    entry = attempt(coordinator, lambda _work: DONE, tmp_path)
    assert entry is not None
    lease = coordinator.job.lease
    receipt = read_transaction(TAGS, bytes.fromhex(entry.transaction))
    assert (receipt.action, receipt.sender, receipt.fee) == ("post_receipt", KEY.address, 0)
    for name in ("client", "coordinator", "payload_digest", "price_cap", "attempt"):
        assert receipt.fields[name] == getattr(lease, name)
    assert receipt.fields["result_digest"] == TAGS.result_digest(
        lease.job_digest, 1, KEY.address, bytes.fromhex(entry.salt), canonical_json(entry.output)
    )
    assert (receipt.fields["price"], receipt.fields["units_micro"]) == (900, 3_000_000)
    started_ms, completed_ms = (receipt.fields[name] for name in ("started_ms", "completed_ms"))
    assert isinstance(started_ms, int)
    assert isinstance(completed_ms, int)
    assert started_ms <= completed_ms
    assert (entry.output["text"], entry.deadline_ms) == ("done", lease.deadline_ms)
    assert set(coordinator.calls) <= {"heartbeat"}


@pytest.mark.parametrize(
    ("unit_type", "unit_price", "units_micro", "price"),
    [
        ("none", 0, 5, 900),
        ("tokens", 100, 3_000_000, 300),
        ("tokens", 100, 3_000_001, 301),
        ("tokens", 1, 1, 1),
        ("tokens", 100, 0, 0),
        ("tokens", 100, 9_000_001, 900),
        ("tokens", 2**62, 2**62, 900),
    ],
)
def test_the_price_is_rounded_up_and_never_above_the_cap(
    unit_type: str, unit_price: int, units_micro: int, price: int
) -> None:
    lease = OneJob.make().with_lease(unit_type=unit_type, unit_price=unit_price).lease
    assert receipt_price(lease, units_micro) == price


@pytest.mark.parametrize(
    ("error", "verb", "reason"),
    [
        (BadInput("prompt", "is empty"), "fail", "BAD_INPUT 1"),
        (RunnerFailed("no memory"), "release", "RUNNER_FAILED 2"),
        (WorkCancelled(), "release", "MINER_DRAINING 3"),
        (MemoryError(), "release", "RUNNER_FAILED 2"),
        (OSError(28, "No space left on device"), "release", "RUNNER_FAILED 2"),
    ],
)
def test_work_that_fails_is_given_up_with_its_reason(
    error: Exception, verb: str, reason: str, tmp_path: Path
) -> None:
    coordinator = Coordinator(OneJob.make())
    assert attempt(coordinator, raising(error), tmp_path) is None
    assert coordinator.reason(verb) == reason


def test_a_message_to_the_client_is_not_too_long(tmp_path: Path) -> None:
    coordinator = Coordinator(OneJob.make())
    attempt(coordinator, raising(BadInput("prompt", "x" * 5_000)), tmp_path)
    assert len(coordinator.calls["fail"][0]["message"]) == 500


@pytest.mark.parametrize(
    "change", [{"input": {"prompt": "other"}}, {"price_cap": 5_000}, {"blind": bytes(32)}]
)
def test_a_lease_that_contradicts_the_chain_is_released_before_any_work(
    change: dict[str, Any], tmp_path: Path
) -> None:
    coordinator = Coordinator(OneJob.make().with_lease(**change))
    assert attempt(coordinator, raising(AssertionError("worked")), tmp_path) is None
    assert coordinator.reason("release") == "PAYLOAD_MISMATCH 11"


def test_a_result_in_other_units_than_are_paid_is_not_claimed(tmp_path: Path) -> None:
    job = OneJob.make().with_lease(unit_type="images", unit_price=1)
    coordinator = Coordinator(job)
    assert attempt(coordinator, lambda _work: DONE, tmp_path) is None
    assert coordinator.reason("release") == "RUNNER_FAILED 2"


def wait_for_cancel(work: Work) -> Output:
    deadline = time.monotonic() + 30
    while not work.is_cancelled():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    raise WorkCancelled


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, {"cancel": True}),
        Reply(409, {"error_code": "LEASE_LOST", "detail": "over"}),
        Reply(404, {"error_code": "JOB_NOT_FOUND", "detail": "gone"}),
    ],
)
def test_a_coordinator_that_ended_the_attempt_stops_the_work_and_is_told_nothing(
    answer: Reply, tmp_path: Path
) -> None:
    job = OneJob.make().with_lease(heartbeat_interval_s=0.05)
    coordinator = Coordinator(job, heartbeat=answer)
    assert attempt(coordinator, wait_for_cancel, tmp_path) is None
    assert set(coordinator.calls) == {"heartbeat"}


def test_heartbeats_carry_progress_that_never_goes_back_and_survive_faults(tmp_path: Path) -> None:
    job = OneJob.make().with_lease(heartbeat_interval_s=0.02)
    coordinator = Coordinator(job, heartbeat=Reply(500, {"error_code": "INTERNAL"}))

    def act(work: Work) -> Output:
        for per_cent in (10, 60, 30, 400):
            work.report_progress(per_cent)
            beats = len(coordinator.calls.get("heartbeat", ()))
            while len(coordinator.calls.get("heartbeat", ())) < beats + 2:
                time.sleep(0.005)
        return DONE

    assert attempt(coordinator, act, tmp_path) is not None
    told = [call["progress"] for call in coordinator.calls["heartbeat"]]
    assert told == sorted(told)
    assert (told[-1], 60 in told) == (100, True)


def test_stopping_from_another_thread_releases(tmp_path: Path) -> None:
    coordinator = Coordinator(OneJob.make())
    with attempt_at(coordinator) as one:
        stopper = threading.Timer(0.05, one.stop)
        stopper.start()
        assert one.run(CallRunner(wait_for_cancel), tmp_path) is None
        stopper.join()
    assert coordinator.reason("release") == "MINER_DRAINING 3"
