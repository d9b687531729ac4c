"""WebSockets are listened to over lost connections, from the last message on, not for ever."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from aitbc import (
    ApiError,
    ConnectionFailed,
    JobNotFound,
    JobTimeout,
    RetryPolicy,
    Unauthenticated,
)
from tests.sdk.examples import ROOT
from tests.sdk.ways import WAYS, Way

pytestmark = pytest.mark.parametrize("way", WAYS)


@dataclass
class Talk:
    """What is said on one connection."""

    messages: tuple[object, ...] = ()
    code: int | None = 1000
    """How it is closed then; None leaves it open until the other side is gone."""


@dataclass
class Refusal:
    """What is answered instead of an upgrade."""

    status: int
    body: object = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class Listened:
    """A server that talks as a test says; `asked` has the requests."""

    def __init__(self, turns: tuple[Talk | Refusal, ...]) -> None:
        self._left = list(turns)
        self._turn: Talk | Refusal = turns[0]
        self.asked: list[Request] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def since(self) -> list[str | None]:
        """What each request named as known."""
        found = (parse_qs(urlsplit(request.path).query) for request in self.asked)
        return [query.get("since", [None])[0] for query in found]

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request)
        self._turn = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        if isinstance(self._turn, Talk):
            return None
        body = json.dumps(self._turn.body).encode()
        headers = Headers({"Content-Length": str(len(body)), **self._turn.headers})
        return Response(self._turn.status, HTTPStatus(self._turn.status).phrase, headers, body)

    def talk(self, connection: ServerConnection) -> None:
        turn = self._turn
        assert isinstance(turn, Talk)
        for message in turn.messages:
            connection.send(message if isinstance(message, str) else json.dumps(message))
        try:
            if turn.code is None:
                connection.recv()
            else:
                connection.close(turn.code)
        except ConnectionClosed:
            return


@contextmanager
def talking(*turns: Talk | Refusal) -> Iterator[Listened]:
    listened = Listened(turns)
    with serve(listened.talk, "127.0.0.1", 0, process_request=listened.answer) as server:
        listened.port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield listened
        finally:
            server.shutdown()
            thread.join()


def state(seq: int, name: str) -> dict[str, object]:
    return {"job_id": "job_1", "state": name, "timestamp": "2026-05-11T00:00:00Z", "seq": seq}


def told(seq: int, kind: str, **data: object) -> dict[str, object]:
    return {"type": kind, "data": data, "seq": seq}


def of_job(client: Any) -> Any:
    return client.listen_to_job("job_1", 120.0)


def test_a_jobs_states_come_once_each_over_lost_connections(way: Way) -> None:
    turns = (
        Talk((state(3, "QUEUED"), state(5, "RUNNING")), code=1001),
        Refusal(503),
        Talk((state(5, "RUNNING"),), code=1013),
        Talk((state(5, "RUNNING"), state(9, "COMPLETED"))),
    )
    with talking(*turns) as server:
        seen = way(server.url, of_job, api_key="k-1", retry=RetryPolicy(attempts=4, base_s=0.001))
    assert [(each.seq, each.state, each.status) for each in seen] == [
        (3, "QUEUED", None),
        (5, "RUNNING", None),
        (9, "COMPLETED", None),
    ]
    assert server.since == [None, "5", "5", "5"]
    assert {urlsplit(asked.path).path for asked in server.asked} == {"/api/v1/jobs/job_1/ws"}
    # The key goes in a header, never in an address.
    assert {asked.headers["X-Api-Key"] for asked in server.asked} == {"k-1"}
    assert {asked.headers["AITBC-Version"] for asked in server.asked} == {"2026-05-11"}
    assert not any("k-1" in asked.path for asked in server.asked)


def test_a_job_whose_last_state_is_known_has_nothing_to_tell(way: Way) -> None:
    with talking(Talk((state(9, "COMPLETED"),))) as server:
        assert way(server.url, lambda client: client.listen_to_job("job_1", 120.0, since=9)) == []
    assert server.since == ["9"]


def test_everything_is_heard_from_the_last_message_on(way: Way) -> None:
    turns = (
        Talk((told(7, "connected", open_jobs=[]), told(8, "job_update", status="x")), code=1001),
        Talk((told(20, "resync"), told(20, "heartbeat"), told(21, "receipt_created")), code=1012),
        Talk((told(21, "connected"),)),
    )
    with talking(*turns) as server:
        seen = way(server.url, lambda client: client.listen(120.0))
    assert [(each.type, each.seq) for each in seen] == [
        ("connected", 7),
        ("job_update", 8),
        ("resync", 20),
        ("heartbeat", 20),
        ("receipt_created", 21),
        ("connected", 21),
    ]
    assert seen[1].data.status == "x"
    assert server.since == [None, "8", "21"]


def test_listening_ends_when_time_is_over(way: Way) -> None:
    with talking(Talk((told(7, "connected"),), code=None)) as server:
        seen = way(server.url, lambda client: client.listen(0.3))
    # On a busy machine time may be over before anything came.
    assert {each.type for each in seen} <= {"connected"}


def test_a_job_that_goes_on_when_time_is_over_is_told_so(way: Way) -> None:
    with (
        talking(Talk((state(3, "QUEUED"),), code=None)) as server,
        pytest.raises(JobTimeout, match=r"0\.3 s"),
    ):
        way(server.url, lambda client: client.listen_to_job("job_1", 0.3))


def test_a_refusal_is_typed_and_told_at_once(way: Way) -> None:
    refused = Refusal(404, {"error_code": "JOB_NOT_FOUND", "detail": "Job not found"})
    with talking(refused) as server, pytest.raises(JobNotFound):
        way(server.url, of_job)
    assert len(server.asked) == 1


def test_a_node_that_asks_for_a_long_pause_is_not_asked_again(way: Way) -> None:
    refused = Refusal(429, {"error_code": "TOO_MANY_STREAMS"}, {"Retry-After": "60"})
    with talking(refused) as server, pytest.raises(ApiError, match="TOO_MANY_STREAMS"):
        way(server.url, of_job)
    assert len(server.asked) == 1


def test_the_end_of_a_key_is_an_error(way: Way) -> None:
    with (
        talking(Talk((told(7, "connected"),), code=1008)) as server,
        pytest.raises(Unauthenticated, match="KEY_ENDED"),
    ):
        way(server.url, lambda client: client.listen(120.0))
    assert len(server.asked) == 1


def test_a_redirect_is_not_followed(way: Way) -> None:
    with talking(Talk()) as other:
        elsewhere = Refusal(302, {"error_code": "MOVED"}, {"Location": f"{other.url}/ws"})
        with talking(elsewhere) as server, pytest.raises(ApiError, match="302"):
            way(server.url, lambda client: client.listen(120.0), api_key="secret")
        assert other.asked == []


def test_a_server_that_never_gets_on_is_given_up(way: Way) -> None:
    with talking(Talk(code=1001)) as server, pytest.raises(ConnectionFailed, match="1001"):
        way(server.url, of_job)
    assert len(server.asked) == 3


def test_where_nobody_listens_is_a_failed_connection(way: Way) -> None:
    with talking(Talk()) as server:
        url = server.url
    with pytest.raises(ConnectionFailed):
        way(url, of_job)


@pytest.mark.parametrize("message", ["nonsense", "[1]"])
def test_what_is_no_message_of_this_api_is_a_typed_error(way: Way, message: str) -> None:
    with talking(Talk((message,))) as server, pytest.raises(ApiError, match="UNEXPECTED_ANSWER"):
        way(server.url, lambda client: client.listen(120.0))


WITHOUT = """
import sys

sys.modules["websockets"] = None
from aitbc import InvalidValue
from tests.sdk.examples import ROOT
from tests.sdk.ways import awaited, blocking

try:
    %s("http://127.0.0.1:1", lambda client: client.listen(1.0))
except InvalidValue as error:
    print(error)
"""


def test_without_the_package_it_says_what_to_install(way: Way) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT % way.__name__],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.stderr == ""
    assert "pip install 'websockets>=15.0'" in done.stdout
