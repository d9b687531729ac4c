"""Streams are followed over lost connections, from the last event on, and not for ever."""

import json

import pytest

from aitbc import ApiError, ConnectionFailed, JobTimeout, RetryPolicy
from tests.sdk.scripted_server import Asked, Reply, in_turn, serving
from tests.sdk.ways import WAYS, Way

pytestmark = pytest.mark.parametrize("way", WAYS)

STREAM = {"Content-Type": "text/event-stream"}


def event(number: int, kind: str = "state", **data: object) -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def text(number: int, said: str) -> bytes:
    return event(number, "text", attempt=1, offset=0, text=said)


def reply(*events: bytes) -> Reply:
    return Reply(200, b"retry: 10\n\n: hello\n\n" + b"".join(events), STREAM)


def test_a_stream_is_taken_up_after_the_last_event(way: Way) -> None:
    script = in_turn(
        reply(event(1, state="QUEUED"), text(2, "Hel")),
        Reply(503, b"restarting"),
        Reply(hangs_up=True),
        reply(text(3, "lo"), event(4, state="COMPLETED"), event(5, state="never read")),
    )
    with serving(script) as server:
        seen = way(
            server.url,
            lambda client: client.stream_job("job_1", 30.0),
            retry=RetryPolicy(attempts=4, base_s=0.001),
        )
    assert [(each.event_id, each.event, each.state, each.text) for each in seen] == [
        ("1", "state", "QUEUED", None),
        ("2", "text", None, "Hel"),
        ("3", "text", None, "lo"),
        ("4", "state", "COMPLETED", None),
    ]
    begun = [asked.headers.get("Last-Event-ID") for asked in server.asked]
    assert begun == [None, "2", "2", "2"]
    assert {asked.headers["Accept"] for asked in server.asked} == {"text/event-stream"}


def test_a_stream_outlasts_a_node_that_starts_again(way: Way) -> None:
    script = in_turn(
        reply(event(1, state="QUEUED")),
        *(Reply(hangs_up=True) for _ in range(9)),
        reply(event(2, state="COMPLETED")),
    )
    policy = RetryPolicy(attempts=2, base_s=0.001, pause_max_s=0.002)
    with serving(script) as server:
        seen = way(server.url, lambda client: client.stream_job("job_1", 60.0), retry=policy)
    assert [each.state for each in seen] == ["QUEUED", "COMPLETED"]


def test_a_stream_outlasts_a_node_no_longer_than_the_policy_says(way: Way) -> None:
    script = in_turn(reply(event(1, state="QUEUED")), Reply(hangs_up=True))
    policy = RetryPolicy(attempts=2, base_s=0.001, reconnect_s=0.0)
    with serving(script) as server, pytest.raises(ConnectionFailed):
        way(server.url, lambda client: client.stream_job("job_1", 60.0), retry=policy)


def test_a_wait_for_a_job_outlasts_a_node_that_starts_again(way: Way) -> None:
    script = in_turn(
        Reply(200, {"job_id": "job_1", "state": "RUNNING"}),
        *(Reply(hangs_up=True) for _ in range(5)),
        Reply(503, {"error_code": "CHAIN_UNAVAILABLE", "detail": "starting"}),
        Reply(200, {"job_id": "job_1", "state": "COMPLETED"}),
    )
    policy = RetryPolicy(attempts=2, base_s=0.001, pause_max_s=0.002)
    with serving(script) as server:
        job = way(server.url, lambda client: client.wait_for_job("job_1", 60.0), retry=policy)
    assert job.state == "COMPLETED"


def test_a_wait_outlasts_a_node_that_fell_silent_before_its_first_answer(way: Way) -> None:
    done = Reply(200, {"job_id": "job_1", "state": "COMPLETED"})
    script = in_turn(*(Reply(hangs_up=True) for _ in range(5)), done)
    policy = RetryPolicy(attempts=2, base_s=0.001, pause_max_s=0.002)
    with serving(script) as server:
        job = way(server.url, lambda client: client.wait_for_job("job_1", 60.0), retry=policy)
    assert job.state == "COMPLETED"


def test_a_wait_outlasts_a_silent_node_no_longer_than_the_policy_says(way: Way) -> None:
    policy = RetryPolicy(attempts=2, base_s=0.001, reconnect_s=0.0)
    with serving(in_turn(Reply(hangs_up=True))) as server, pytest.raises(ConnectionFailed):
        way(server.url, lambda client: client.wait_for_job("job_1", 60.0), retry=policy)
    assert len(server.asked) == 2


def test_the_callers_last_event_is_named_first_and_nothing_may_follow(way: Way) -> None:
    with serving(in_turn(Reply(204, b""))) as server:
        assert way(server.url, lambda client: client.stream_job("job_1", 30.0, since="7")) == []
    assert server.asked[0].headers["Last-Event-ID"] == "7"


def test_statuses_of_2024_end_a_stream_too(way: Way) -> None:
    with serving(in_turn(reply(event(1, status="failed")))) as server:
        (only,) = way(server.url, lambda client: client.stream_job("job_1", 30.0))
    assert (only.status, only.state) == ("failed", None)


def test_a_stream_that_never_gets_on_is_given_up(way: Way) -> None:
    with serving(in_turn(reply())) as server, pytest.raises(ConnectionFailed, match="ended"):
        way(server.url, lambda client: client.stream_job("job_1", 30.0))
    assert len(server.asked) == 3


def test_a_stream_that_gets_on_is_followed_until_time_is_over(way: Way) -> None:
    counted = iter(range(1_000_000))

    def script(asked: Asked) -> Reply:
        return reply(text(next(counted), "and on"))

    with serving(script) as server, pytest.raises(JobTimeout, match=r"0\.3 s"):
        way(server.url, lambda client: client.stream_job("job_1", 0.3))
    assert len(server.asked) > 1


def test_a_refusal_is_told_at_once(way: Way) -> None:
    refused = Reply(404, {"error_code": "JOB_NOT_FOUND", "detail": "Job not found"})
    with serving(in_turn(refused)) as server, pytest.raises(ApiError, match="JOB_NOT_FOUND"):
        way(server.url, lambda client: client.stream_job("job_1", 30.0))
    assert len(server.asked) == 1


def block(height: int) -> bytes:
    return event(height, "block", height=height, block_id="00" * 32)


def test_final_blocks_are_followed_from_the_last_one_on(way: Way) -> None:
    script = in_turn(
        reply(block(7), block(8)), Reply(hangs_up=True), reply(block(9)), Reply(204, b"")
    )
    with serving(script) as server:
        seen = way(server.url, lambda client: client.chain.follow_blocks(60.0, since=6))
    assert [each.height for each in seen] == [7, 8, 9]
    assert [asked.headers["Last-Event-ID"] for asked in server.asked] == ["6", "8", "8", "9"]


def test_final_blocks_are_followed_until_time_is_over(way: Way) -> None:
    counted = iter(range(1_000_000))
    with serving(lambda _asked: reply(block(next(counted)))) as server:
        seen = way(server.url, lambda client: client.chain.follow_blocks(0.3))
    assert [each.height for each in seen] == list(range(len(seen)))


def state(number: int, status: str) -> bytes:
    return event(number, "transaction", transaction_id="tx_1", status=status)


def test_a_transaction_is_followed_until_nothing_follows(way: Way) -> None:
    script = in_turn(
        reply(state(1, "pooled")),
        Reply(hangs_up=True),
        reply(state(2, "included"), state(3, "final"), state(4, "never read")),
    )
    with serving(script) as server:
        seen = way(server.url, lambda client: client.chain.follow_transaction("tx_1"))
    assert [each.status for each in seen] == ["pooled", "included", "final"]
    assert {asked.path for asked in server.asked} == {"/v1/chain/transactions/tx_1/events"}
