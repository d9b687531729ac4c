"""The agent against a scripted node: a whole job, a full disk, and a signal at a bad moment."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aitbc import SigningKey, format_address
from miner.agent import Agent, Settings
from miner.log import Log
from miner.work import Output, Work
from tests.miner.chain_of_one_job import COORDINATOR, DIGEST, NOW_MS, TAGS, OneJob
from tests.sdk.scripted_server import Asked, Reply, serving

KEY = SigningKey.generate()
DONE = Output(units_micro=3_000_000, unit_type="tokens", model="m", text="done")


@dataclass
class Runner:
    """A runner whose work is done at once, unless it was stopped before."""

    ran: int = 0
    service: str = "llm_inference"
    models: tuple[str, ...] = ("m",)

    def run(self, work: Work) -> Output:
        self.ran += 1
        return DONE

    def close(self) -> None:
        """Nothing to end."""


@dataclass
class Node:
    """A node with one job, which it gives to whoever asks first."""

    job: OneJob = field(default_factory=OneJob.make)
    on_poll: Callable[[int], None] = lambda _number: None
    """Called with the number of each poll, before its answer."""
    on_claim: Callable[[], None] = lambda: None
    completions: list[Reply] = field(default_factory=list)
    """Answers to completions in turn, then receipts."""
    polls: int = 0
    calls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Reply:
        path = asked.path.partition("?")[0]
        verb = path.rpartition("/")[2]
        if path.startswith("/v1/chain/"):
            return self._chain(path, asked.method)
        if asked.body:
            self.calls.setdefault(verb, []).append(json.loads(asked.body))
        if verb == "challenge":
            return Reply(200, _challenge())
        if asked.method == "GET":
            return Reply(404, {"detail": "no", "error_code": "MINER_NOT_FOUND"})
        if verb == "poll":
            self.polls += 1
            self.on_poll(self.polls)
            return Reply(
                200, {"job": {"job_id": self.job.lease.job_id} if self.polls == 1 else None}
            )
        if verb == "claim":
            self.on_claim()
            return Reply(200, self._lease())
        if verb == "complete":
            receipt = Reply(200, {"receipt_id": "receipt_1", "price": 0.1})
            return self.completions.pop(0) if self.completions else receipt
        return Reply(200, {})

    def _chain(self, path: str, method: str) -> Reply:
        if path == "/v1/chain/status":
            return Reply(200, {"timestamp_ms": NOW_MS})
        if method == "POST":
            return Reply(200, {"transaction_id": "tx_", "status": "pooled"})
        return Reply(200, {"status": "final", "signed": self.job.escrow.signed.hex()})

    def _lease(self) -> dict[str, Any]:
        lease = self.job.lease
        return {
            "job_id": lease.job_id,
            "attempt": lease.attempt,
            "service": lease.service,
            "model": lease.model,
            "input": lease.input,
            "params": lease.params,
            "payload": base64.b64encode(lease.payload).decode(),
            "blind": lease.blind.hex(),
            "heartbeat_interval_s": 30,
            "terms": {
                "client": format_address(lease.client),
                "coordinator": format_address(lease.coordinator),
                "payload_digest": lease.payload_digest.hex(),
                "price_cap": lease.price_cap,
                "unit_type": lease.unit_type,
                "unit_price": lease.unit_price,
                "deadline_ms": lease.deadline_ms,
            },
        }


def _challenge() -> dict[str, Any]:
    parameters = {"fee_base": 1, "fee_per_byte": 1, "miner_bond_min": 0, "horizon_ms": 3_600_000}
    return {
        "chain_id": TAGS.chain_id,
        "genesis_digest": DIGEST.hex(),
        "coordinator": format_address(COORDINATOR),
        "nonce": bytes(32).hex(),
        "expires_at_ms": NOW_MS + 60_000,
        "chain_time_ms": NOW_MS,
        "parameters": parameters,
    }


@contextmanager
def agent_at(node: Node, folder: Path, runner: Runner) -> Iterator[tuple[Agent, Path]]:
    """Give an agent that has not begun, and its log."""
    log_file = folder / "miner.log"
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with serving(node) as server:
        settings = Settings(name="m", node_urls=[server.url], directory=folder / "data")
        yield Agent(settings, KEY, [runner], Log(descriptor)), log_file
    os.close(descriptor)


def test_a_job_is_done_and_delivered(tmp_path: Path) -> None:
    node, runner = Node(), Runner()
    with agent_at(node, tmp_path, runner) as (agent, _):
        node.on_poll = lambda number: agent.abort() if number == 2 else None
        agent.run()
    assert runner.ran == 1
    (delivered,) = node.calls["complete"]
    assert delivered["output"]["text"] == "done"
    assert list((tmp_path / "data" / "spool").iterdir()) == []


def test_finished_work_is_delivered_although_the_disk_takes_nothing(tmp_path: Path) -> None:
    failing = Reply(500, {"detail": "no", "error_code": "INTERNAL_ERROR"})
    # The first delivery fails, so that it has to be remembered, too.
    node, runner = Node(completions=[failing]), Runner()
    with agent_at(node, tmp_path, runner) as (agent, log_file):
        in_the_way = tmp_path / "data" / "spool" / f"{node.job.lease.job_id}-1.tmp"
        in_the_way.mkdir()
        node.on_poll = lambda number: agent.abort() if number == 2 else None
        agent.run()
    assert len(node.calls["complete"]) == 2
    assert node.calls["complete"][0] == node.calls["complete"][1]
    assert "could not keep finished work on disk" in log_file.read_text()


def test_a_second_signal_during_a_claim_releases_the_job(tmp_path: Path) -> None:
    node, runner = Node(), Runner()
    with agent_at(node, tmp_path, runner) as (agent, _):

        def two_signals() -> None:
            agent.drain()
            agent.abort()

        node.on_claim = two_signals
        agent.run()
    assert runner.ran == 0
    (released,) = node.calls["release"]
    assert released["reason"] == "MINER_DRAINING"
    assert "complete" not in node.calls
