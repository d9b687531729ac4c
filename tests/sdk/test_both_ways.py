"""The blocking and the asynchronous client do the same, against servers that fail in every way."""

import hashlib
import inspect
import socket
import time
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aitbc import (
    AITBCClient,
    ApiError,
    AsyncAITBCClient,
    AsyncClient,
    Client,
    ConnectionFailed,
    InsufficientBalance,
    InvalidRequest,
    InvalidValue,
    JobFailed,
    JobNotFound,
    JobTimeout,
    OfferNotAvailable,
    RateLimitExceeded,
    RetryPolicy,
    ServerFault,
    async_parts,
    parts,
)
from aitbc.exchange import BASE_URL_VARIABLE, PRODUCTION
from tests.sdk.scripted_server import Asked, Reply, in_turn, serving
from tests.sdk.ways import WAYS, Way

pytestmark = pytest.mark.parametrize("way", WAYS)


def methods_of(kind: type) -> dict[str, str]:
    return {
        name: str(inspect.signature(member)).replace("Async", "")
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def classes_of(module: ModuleType) -> dict[str, type]:
    found = inspect.getmembers(module, inspect.isclass)
    return {name: kind for name, kind in found if kind.__module__ == module.__name__}


def test_an_error_is_typed_by_its_code_and_names_its_request(way: Way) -> None:
    for status, code, kind in (
        (404, "JOB_NOT_FOUND", JobNotFound),
        (402, "INSUFFICIENT_BALANCE", InsufficientBalance),
        (410, "OFFER_NOT_AVAILABLE", OfferNotAvailable),
        (400, "VALIDATION_ERROR", InvalidRequest),
        (500, "INTERNAL_ERROR", ServerFault),
    ):
        body = {"detail": "It is so.", "error_code": code, "request_id": "req-1"}
        with serving(in_turn(Reply(status, body))) as server, pytest.raises(kind) as refusal:
            way(server.url, lambda client: client.get_job("job_1"))
        assert (refusal.value.error_code, refusal.value.request_id) == (code, "req-1")


def test_a_submission_is_repeated_with_its_key(way: Way) -> None:
    script = in_turn(
        Reply(hangs_up=True),
        Reply(409, {"error_code": "IDEMPOTENCY_KEY_IN_FLIGHT"}),
        Reply(201, {"job_id": "job_1"}),
    )
    with serving(script) as server:
        job = way(server.url, lambda client: client.submit_job({"prompt": "hi"}))
    assert (job.job_id, job["job_id"]) == ("job_1", "job_1")
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
    assert len(server.asked) == 3


def test_too_many_requests_are_repeated_or_told(way: Way) -> None:
    limited = Reply(429, {"error_code": "RATE_LIMIT_EXCEEDED"}, {"Retry-After": "0"})
    with serving(in_turn(limited, limited, Reply(200, {"state": "QUEUED"}))) as server:
        assert way(server.url, lambda client: client.get_job("job_1")).state == "QUEUED"
    for_long = Reply(429, {"error_code": "RATE_LIMIT_EXCEEDED"}, {"Retry-After": "60"})
    with serving(in_turn(for_long)) as server, pytest.raises(RateLimitExceeded) as refusal:
        way(server.url, lambda client: client.get_job("job_1"))
    assert refusal.value.retry_after_s == 60


def test_waiting_asks_the_node_to_hold_its_answer(way: Way) -> None:
    states = [Reply(200, {"state": state}) for state in ("QUEUED", "RUNNING", "COMPLETED")]
    with serving(in_turn(*states)) as server:
        job = way(server.url, lambda client: client.wait_for_job("job_1", 10.0))
    assert job.state == "COMPLETED"
    assert all("wait=" in asked.path for asked in server.asked)


def test_waiting_ends_as_stated(way: Way) -> None:
    failed = Reply(200, {"state": "FAILED", "error": "no such file"})
    with serving(in_turn(failed)) as server, pytest.raises(JobFailed, match="no such file"):
        way(server.url, lambda client: client.get_job_result("job_1"))
    queued = in_turn(Reply(200, {"state": "QUEUED"}))
    with serving(queued) as server, pytest.raises(JobTimeout):
        way(server.url, lambda client: client.get_job_result("job_1", 0.2))


def test_a_job_is_watched_up_to_its_end(way: Way) -> None:
    states = ("QUEUED", "RUNNING", "COMPLETED")
    with serving(in_turn(*(Reply(200, {"state": state}) for state in states))) as at:
        seen = way(at.url, lambda client: client.watch_job("job_1", 300.0))
    assert tuple(job.state for job in seen) == states


def test_a_job_that_does_not_end_is_watched_until_time_is_over(way: Way) -> None:
    with serving(in_turn(Reply(200, {"state": "QUEUED"}), Reply(200, {"state": "RUNNING"}))) as at:
        seen = way(at.url, lambda client: client.watch_job("job_1", 0.2))
    assert [job.state for job in seen][:2] == ["QUEUED", "RUNNING"]


def test_an_order_says_that_it_would_rather_be_refused_and_how_long_it_waits(way: Way) -> None:
    with serving(in_turn(Reply(201, {"job_id": "job_1", "state": "COMPLETED"}))) as at:
        way(at.url, lambda client: client.submit_job({"prompt": "x"}, strict=True, wait_s=30))
        way(at.url, lambda client: client.services.llm_inference({"prompt": "x"}, wait_s=1))
        way(at.url, lambda client: client.submit_job({"prompt": "x"}))
        with pytest.raises(InvalidValue, match="wait_s"):
            way(at.url, lambda client: client.submit_job({"prompt": "x"}, wait_s=31))
    asked = [each.headers.get("Prefer") for each in at.asked]
    assert asked == ["handling=strict, wait=30", "wait=1", None]


def test_all_pages_are_read_and_none_twice(way: Way) -> None:
    jobs = [{"job_id": f"job_{number}", "state": "QUEUED"} for number in range(150)]

    def script(asked: Asked) -> Reply:
        offset = int(parse_qs(urlsplit(asked.path).query)["offset"][0])
        # One job was submitted before the second page was asked for: everything moves by one.
        shown = jobs[:100] if offset == 0 else jobs[99:]
        return Reply(200, {"jobs": shown, "total": 151, "limit": 100, "offset": offset})

    with serving(script) as server:
        found = way(server.url, lambda client: client.iterate_jobs(state="queued"))
    assert [job.job_id for job in found] == [job["job_id"] for job in jobs]


@pytest.mark.parametrize("size", [1, 40, 100])
def test_all_jobs_are_read_from_a_node_that_shows_fewer_than_it_was_asked_for(
    way: Way, size: int
) -> None:
    jobs = [{"job_id": f"job_{number}", "status": "queued"} for number in range(size * 2 + 1)]

    def script(asked: Asked) -> Reply:
        offset = int(parse_qs(urlsplit(asked.path).query)["offset"][0])
        shown = jobs[offset : offset + size]
        return Reply(200, {"jobs": shown, "total": len(jobs), "limit": size, "offset": offset})

    with serving(script) as server:
        found = way(server.url, lambda client: client.iterate_jobs())
    assert [job.job_id for job in found] == [job["job_id"] for job in jobs]
    assert len(server.asked) == 3


def test_pages_are_followed_by_their_links(way: Way) -> None:
    link = '<{0}?limit=100&cursor=two%2B2>; rel="next"'

    def script(asked: Asked) -> Reply:
        parts = urlsplit(asked.path)
        is_last = parse_qs(parts.query).get("cursor") == ["two+2"]
        headers = {} if is_last else {"Link": link.format(parts.path)}
        if parts.path.endswith(".csv"):
            lines = "at,kind\nlate,fee\n" if is_last else "at,kind\nearly,escrow\n"
            return Reply(200, lines.encode(), headers)
        item = "b" if is_last else "a"
        body = {"offers": [{"offer_id": item}], "miners": [{"miner_id": item}]}
        return Reply(200, body, headers)

    with serving(script) as server:
        offers = way(server.url, lambda client: client.offers.iterate())
        sheet = way(server.url, lambda client: client.statements.csv())
        miners = way(server.url, lambda client: client.miners.list())
    assert [offer.offer_id for offer in offers] == ["a", "b"]
    assert [miner.miner_id for miner in miners] == ["a", "b"]
    assert "".join(sheet) == "at,kind\nearly,escrow\nlate,fee\n"


def test_a_silent_node_costs_no_more_than_the_stated_time(way: Way) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        once = RetryPolicy(attempts=1)
        with pytest.raises(ConnectionFailed):
            way(url, lambda client: client.get_job("job_1"), timeout_s=0.2, retry=once)
    assert time.monotonic() - began < 5


def test_waiting_for_a_job_of_a_silent_node_ends_soon_after_the_stated_time(way: Way) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        often = RetryPolicy(attempts=50, base_s=0.001)
        with pytest.raises(ConnectionFailed):
            way(url, lambda client: client.wait_for_job("job_1", 0.5), timeout_s=0.2, retry=often)
    assert time.monotonic() - began < 5


def test_an_answer_that_is_held_back_to_the_last_moment_is_heard(way: Way) -> None:
    def script(asked: Asked) -> Reply:
        wait_s = int(parse_qs(urlsplit(asked.path).query).get("wait", ["0"])[0])
        return Reply(200, {"state": "QUEUED"}, hold_s=float(wait_s))

    with serving(script) as server, pytest.raises(JobTimeout):
        way(server.url, lambda client: client.wait_for_job("job_1", 1.0))


@pytest.mark.parametrize("text", ["", "two words", "schlüssel", "a\nb", "x" * 513])
def test_what_no_header_can_hold_is_refused_before_it_is_sent(way: Way, text: str) -> None:
    with serving(in_turn(Reply(201, {}))) as server:
        with pytest.raises(InvalidValue, match="idempotency_key"):
            way(server.url, lambda client: client.submit_job({}, idempotency_key=text))
        with pytest.raises(InvalidValue, match="since"):
            way(server.url, lambda client: client.stream_job("job_1", since="a\nb"))
    assert server.asked == []


def test_no_text_of_a_client_shows_its_key(way: Way) -> None:
    for kind in (Client, AsyncClient):
        assert "secret" not in repr(kind("http://node", api_key="secret").http.session)


def test_what_is_no_api_is_told(way: Way) -> None:
    for answer in (Reply(200, b"<html>"), Reply(302, b"", {"Location": "http://127.0.0.1:1/"})):
        with serving(in_turn(answer)) as server, pytest.raises(ApiError):
            way(server.url, lambda client: client.get_job("job_1"))
    encoded = Reply(200, b"not gzip", {"Content-Encoding": "gzip"})
    with serving(in_turn(encoded)) as server, pytest.raises(ConnectionFailed):
        way(server.url, lambda client: client.get_job("job_1"))


def test_files_come_back_as_they_went(way: Way, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1_000
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content)
    name = f"sha256:{hashlib.sha256(content).hexdigest()}"
    stored: list[bytes] = []

    def script(asked: Asked) -> Reply:
        if asked.method == "POST":
            stored.append(asked.body)
            return Reply(503) if len(stored) == 1 else Reply(201, {"artifact": name})
        return Reply(200, stored[-1])

    with serving(script) as server:
        assert way(server.url, lambda client: client.artifacts.upload(source)) == name
        size = way(server.url, lambda client: client.artifacts.download(name, target))
    assert stored == [content, content]
    assert (size, target.read_bytes()) == (len(content), content)
    with serving(in_turn(Reply(200, b"other"))) as server, pytest.raises(InvalidValue):
        way(server.url, lambda client: client.artifacts.download(name, target))
    assert not target.exists()


def test_a_key_that_no_header_can_hold_is_refused_without_telling_it(way: Way) -> None:
    with pytest.raises(InvalidValue) as refusal:
        way("http://localhost", lambda client: client.get_job("job_1"), api_key="sec\nret")
    assert "ret" not in str(refusal.value)


@pytest.mark.row("2024-01-01.000.sdk.python.construct", "2026-05-11.003.sdk.python.construct")
def test_the_address_is_argument_then_environment_then_production(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(BASE_URL_VARIABLE, raising=False)
    for kind in (AITBCClient, AsyncAITBCClient, Client, AsyncClient):
        assert kind(api_key="k").http.base_url == PRODUCTION
        monkeypatch.setenv(BASE_URL_VARIABLE, "http://node:1/")
        assert kind().http.base_url == "http://node:1"
        assert kind("http://other:2").http.base_url == "http://other:2"
        monkeypatch.setenv(BASE_URL_VARIABLE, "nowhere")
        with pytest.raises(InvalidValue):
            kind()
        monkeypatch.delenv(BASE_URL_VARIABLE)


def test_both_have_the_same_methods(way: Way) -> None:
    blocking, awaited = classes_of(parts), classes_of(async_parts)
    assert {f"Async{name}" for name in blocking} == set(awaited)
    pairs: list[tuple[Any, Any]] = [(AITBCClient, AsyncAITBCClient), (Client, AsyncClient)]
    pairs += [(blocking[name], awaited[f"Async{name}"]) for name in blocking]
    for one, other in pairs:
        assert methods_of(one) == methods_of(other)
        for name in methods_of(one):
            assert "Generator" not in str(inspect.signature(getattr(one, name)))
            assert "session" not in (inspect.getdoc(getattr(one, name)) or "").lower().split()
