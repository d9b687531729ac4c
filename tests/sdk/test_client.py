"""The client against a real HTTP server that fails in every way that nodes and networks do."""

import hashlib
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from aitbc import (
    ApiError,
    Client,
    ConnectionFailed,
    InvalidValue,
    JobFailed,
    JobTimeout,
    RetryPolicy,
)
from aitbc.exchange import Request
from tests.sdk.scripted_server import Asked, Reply, Script, in_turn, serving

QUICK = RetryPolicy(attempts=3, base_s=0.001, pause_max_s=2.0)
PROBLEM = {
    "type": "urn:aitbc:error:JOB_NOT_FOUND",
    "detail": "Job not found",
    "error_code": "JOB_NOT_FOUND",
    "request_id": "req-1",
    "errors": [{"pointer": "/job_id", "code": "UNKNOWN", "detail": "no such job"}],
}


def busy(seconds: int = 0, status: int = 503) -> Reply:
    body = {"detail": "later", "error_code": "UNAVAILABLE", "request_id": "r"}
    return Reply(status, body, {"Retry-After": str(seconds)})


def client_of(url: str, **options: Any) -> Client:
    return Client(url, retry=options.pop("retry", QUICK), **options)


def test_constructing_opens_no_connection() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        client_of(f"http://127.0.0.1:{listener.getsockname()[1]}").close()
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("url", ["localhost:8011", "ftp://host", "", "http://[", "http://h:port"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidValue, match="base_url"):
        Client(url)


def test_each_request_names_version_and_key() -> None:
    with serving(in_turn(Reply())) as server, client_of(server.url, api_key="secret") as client:
        client.get_job("job_1")
    (asked,) = server.asked
    assert asked.headers["AITBC-Version"] == "2026-05-11"
    assert asked.headers["X-Api-Key"] == "secret"
    assert "application/problem+json" in asked.headers["Accept"]


def test_an_id_cannot_lead_to_another_path() -> None:
    with serving(in_turn(Reply())) as server, client_of(server.url) as client:
        client.get_job("../admin?x=1#y")
        with pytest.raises(InvalidValue):
            client.get_job("..")
    assert [asked.path for asked in server.asked] == ["/v1/jobs/..%2Fadmin%3Fx%3D1%23y"]


def test_an_error_carries_what_the_node_said() -> None:
    problem = Reply(404, PROBLEM, {"Content-Type": "application/problem+json"})
    with (
        serving(in_turn(problem)) as server,
        client_of(server.url) as client,
        pytest.raises(ApiError) as refusal,
    ):
        client.get_job("job_1")
    error = refusal.value
    assert (error.status, error.error_code, error.detail) == (404, "JOB_NOT_FOUND", "Job not found")
    assert (error.request_id, error.pointers) == ("req-1", ("/job_id",))
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b"[" * 5_000])
def test_an_error_without_a_code_is_still_typed(body: bytes) -> None:
    with (
        serving(in_turn(Reply(502, body))) as server,
        client_of(server.url) as client,
        pytest.raises(ApiError) as refusal,
    ):
        client.get_job("job_1")
    assert (refusal.value.status, refusal.value.error_code) == (502, "HTTP_502")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"[" * 5_000])
def test_an_answer_that_is_no_object_is_a_typed_error(body: bytes) -> None:
    with (
        serving(in_turn(Reply(200, body))) as server,
        client_of(server.url) as client,
        pytest.raises(ApiError, match="UNEXPECTED_ANSWER"),
    ):
        client.get_job("job_1")


def test_a_missing_member_is_the_nodes_fault_and_says_which() -> None:
    with (
        serving(in_turn(Reply())) as server,
        client_of(server.url) as client,
        pytest.raises(ApiError, match="state"),
    ):
        client.wait_for_job("job_1")


def test_reading_is_repeated_while_the_node_is_busy() -> None:
    script = in_turn(busy(), busy(), Reply(200, {"state": "QUEUED"}))
    with serving(script) as server, client_of(server.url) as client:
        assert client.get_job("job_1")["state"] == "QUEUED"
    assert len(server.asked) == 3


def test_repetition_ends_and_the_last_error_is_told() -> None:
    with (
        serving(in_turn(busy())) as server,
        client_of(server.url) as client,
        pytest.raises(ApiError, match="UNAVAILABLE"),
    ):
        client.get_job("job_1")
    assert len(server.asked) == QUICK.attempts


def test_retry_after_is_waited_for_and_a_little_longer() -> None:
    pauses: list[float] = []
    script = in_turn(busy(2, status=429), Reply(200, {"state": "QUEUED"}))
    with serving(script) as server, client_of(server.url) as client:
        client.http._sleep = pauses.append
        client.get_job("job_1")
    (pause,) = pauses
    assert 2.0 <= pause <= 2.0 + QUICK.base_s


def test_a_longer_retry_after_than_the_policy_allows_is_the_callers_to_wait_for() -> None:
    with (
        serving(in_turn(busy(60, status=429))) as server,
        client_of(server.url) as client,
        pytest.raises(ApiError) as refusal,
    ):
        client.get_job("job_1")
    assert refusal.value.retry_after_s == 60
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "failure", [Reply(hangs_up=True), Reply(502, b"proxy"), busy(), Reply(504, b"proxy")]
)
def test_a_submission_is_repeated_with_the_same_idempotency_key(failure: Reply) -> None:
    script = in_turn(failure, failure, Reply(201, {"job_id": "job_1"}))
    with serving(script) as server, client_of(server.url) as client:
        assert client.submit_job({"prompt": "hi"}).job_id == "job_1"
        client.submit_job({"prompt": "hi"})
    first, second, third, other = [asked.headers["Idempotency-Key"] for asked in server.asked]
    assert first == second == third
    assert other != first


def test_a_submission_takes_the_callers_idempotency_key() -> None:
    with serving(in_turn(Reply(201, {}))) as server, client_of(server.url) as client:
        client.submit_job({"prompt": "hi"}, idempotency_key="order-17")
    assert server.asked[0].headers["Idempotency-Key"] == "order-17"


def test_a_request_that_may_not_be_repeated_is_sent_once_unless_nothing_was_done() -> None:
    once = Request("POST", "/v1/once", json={}, repeatable=False)
    for failure in (Reply(hangs_up=True), Reply(502, b"proxy"), Reply(500, b"")):
        with serving(in_turn(failure)) as server, client_of(server.url) as client:
            with pytest.raises((ApiError, ConnectionFailed)):
                client.http.call(once)
            assert len(server.asked) == 1
    with serving(in_turn(busy(status=429), Reply())) as server, client_of(server.url) as client:
        client.http.call(once)
        assert len(server.asked) == 2


@pytest.mark.parametrize("status", [400, 404, 409, 500])
def test_other_answers_are_not_asked_for_twice(status: int) -> None:
    with serving(in_turn(Reply(status, b""))) as server, client_of(server.url) as client:
        with pytest.raises(ApiError):
            client.get_job("job_1")
        assert len(server.asked) == 1


def test_nobody_listening_is_told_with_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with client_of(url) as client, pytest.raises(ConnectionFailed, match=url):
            client.submit_job({"prompt": "hi"})


def test_a_silent_node_costs_no_more_than_the_stated_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with (
            client_of(url, timeout_s=0.2, retry=RetryPolicy(attempts=1)) as client,
            pytest.raises(ConnectionFailed),
        ):
            client.get_job("job_1")
    assert time.monotonic() - began < 5


def test_an_answer_that_is_too_large_is_not_read() -> None:
    with (
        serving(in_turn(Reply(200, b" " * (16 * 1_048_576 + 1)))) as server,
        client_of(server.url) as client,
        pytest.raises(ApiError, match="more than"),
    ):
        client.get_job("job_1")


def test_redirects_are_not_followed() -> None:
    elsewhere = Reply(302, b"", {"Location": "http://127.0.0.1:1/"})
    with (
        serving(in_turn(elsewhere)) as server,
        client_of(server.url) as client,
        pytest.raises(ApiError, match="302"),
    ):
        client.get_job("job_1")


def test_a_submission_says_payload_price_and_constraints() -> None:
    with serving(in_turn(Reply(200, {"job_id": "job_1"}))) as server:
        with client_of(server.url) as client:
            client.submit_job(
                {"prompt": "hi"},
                ttl_seconds=60,
                payment_amount="1.5",
                constraints={"gpu_type": "any"},
            )
        assert json.loads(server.asked[0].body) == {
            "payload": {"prompt": "hi"},
            "ttl_seconds": 60,
            "payment_amount": "1.5",
            "payment_currency": "AITBC",
            "constraints": {"gpu_type": "any"},
        }


def test_waiting_ends_with_the_jobs_end_and_failing_names_the_reason() -> None:
    states = ("QUEUED", "RUNNING", "FAILED")
    replies = [Reply(200, {"state": state, "error": "bad"}) for state in states]
    with (
        serving(in_turn(*replies)) as server,
        client_of(server.url) as client,
        pytest.raises(JobFailed) as failure,
    ):
        client.get_job_result("job_1")
    assert (failure.value.state, failure.value.reason) == ("FAILED", "bad")


def test_waiting_gives_up_after_the_stated_time() -> None:
    with (
        serving(in_turn(Reply(200, {"state": "QUEUED"}))) as server,
        client_of(server.url) as client,
        pytest.raises(JobTimeout, match="job_1"),
    ):
        client.wait_for_job("job_1", timeout_s=0.2)


class ArtifactStore:
    """Stores what is posted; its first answers can be failures."""

    def __init__(self, failures: int = 0) -> None:
        self.stored: dict[str, bytes] = {}
        self.failures = failures

    def __call__(self, asked: Asked) -> Reply:
        if self.failures:
            self.failures -= 1
            return busy()
        if asked.method == "POST":
            name = f"sha256:{hashlib.sha256(asked.body).hexdigest()}"
            self.stored[name] = asked.body
            return Reply(201, {"artifact": name, "size": len(asked.body)})
        name = asked.path.rpartition("/")[2]
        return Reply(200, self.stored[name]) if name in self.stored else Reply(404, PROBLEM)


def test_a_file_comes_back_as_it_went_even_if_the_node_was_busy_first(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1_000
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content)
    store = ArtifactStore(failures=2)
    with serving(store) as server, client_of(server.url) as client:
        name = client.upload_artifact(source)
        store.failures = 1
        assert client.download_artifact(name, target) == len(content)
    assert target.read_bytes() == content


def refusing_download(script: Script, tmp_path: Path, name: str, bytes_max: int = 100) -> Exception:
    target = tmp_path / "target"
    with (
        serving(script) as server,
        client_of(server.url) as client,
        pytest.raises((ApiError, InvalidValue)) as refusal,
    ):
        client.download_artifact(name, target, bytes_max)
    assert not target.exists()
    return refusal.value


def test_a_download_that_is_not_what_its_name_says_leaves_nothing(tmp_path: Path) -> None:
    name = "sha256:" + "0" * 64
    assert "digest" in str(refusing_download(in_turn(Reply(200, b"other")), tmp_path, name))
    assert "more than" in str(refusing_download(in_turn(Reply(200, b"x" * 101)), tmp_path, name))
    assert "NOT_FOUND" in str(refusing_download(in_turn(Reply(404, PROBLEM)), tmp_path, name))
    assert "sha256" in str(refusing_download(in_turn(Reply()), tmp_path, "md5:0"))


def test_a_node_that_stores_something_else_is_caught(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"mine")
    with (
        serving(in_turn(Reply(201, {"artifact": "sha256:" + "0" * 64}))) as server,
        client_of(server.url) as client,
        pytest.raises(ApiError, match="ARTIFACT_MISMATCH"),
    ):
        client.upload_artifact(source)


@pytest.mark.parametrize(
    "status",
    [
        {"chain_id": "other-00", "genesis_digest": "00" * 32},
        {"chain_id": "c-0000000000000000", "genesis_digest": "zz"},
        {"chain_id": "c-0000000000000000"},
    ],
)
def test_a_chain_that_cannot_be_is_refused(status: dict[str, str]) -> None:
    with (
        serving(in_turn(Reply(200, status))) as server,
        client_of(server.url) as client,
        pytest.raises(ApiError, match="UNEXPECTED_ANSWER"),
    ):
        client.chain_tags()
