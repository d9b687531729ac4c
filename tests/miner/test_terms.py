"""A coordinator's lease is held against the chain before any work (K4)."""

from typing import Any

import pytest

from aitbc import ApiError, Client
from miner.terms import PayloadMismatch, check_escrow, check_payload
from tests.miner.chain_of_one_job import ONCE, TAGS, OneJob
from tests.sdk.scripted_server import Reply, in_turn, serving


def check(job: OneJob, shown: object) -> None:
    body = {"transaction_id": job.lease.job_id, "status": "final", "signed": shown}
    with serving(in_turn(Reply(200, body))) as server, Client(server.url, retry=ONCE) as client:
        check_escrow(job.lease, TAGS, client)


def test_a_lease_that_agrees_with_the_escrow_is_accepted() -> None:
    job = OneJob.make()
    check_payload(job.lease, TAGS)
    check(job, job.escrow.signed.hex())


@pytest.mark.parametrize(
    "change",
    [
        {"input": {"prompt": "something else"}},
        {"params": {"max_tokens": 5}},
        {"model": "another"},
        {"service": "python"},
        {"payload": b"{}"},
        {"blind": bytes(32)},
        {"payload_digest": bytes(32)},
        {"input": {"prompt": "\ud800"}},
    ],
)
def test_another_input_than_the_digest_has_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PayloadMismatch):
        check_payload(OneJob.make().with_lease(**change).lease, TAGS)


@pytest.mark.parametrize(
    "change",
    [
        {"client": bytes(20)},
        {"coordinator": bytes([1] * 20)},
        {"payload_digest": bytes(32)},
        {"service": "python"},
        {"price_cap": 1_001},
        {"job_id": "job_" + "0" * 64},
    ],
)
def test_terms_that_the_client_did_not_sign_are_refused(change: dict[str, Any]) -> None:
    job = OneJob.make()
    with pytest.raises(PayloadMismatch):
        check(job.with_lease(**change), job.escrow.signed.hex())


@pytest.mark.parametrize("shown", ["", "zz", "00", None, 7])
def test_a_node_that_shows_no_escrow_is_not_believed(shown: object) -> None:
    with pytest.raises((PayloadMismatch, ApiError)):
        check(OneJob.make(), shown)


def test_a_node_that_shows_another_clients_escrow_is_not_believed() -> None:
    with pytest.raises(PayloadMismatch):
        check(OneJob.make(), OneJob.make().escrow.signed.hex())
