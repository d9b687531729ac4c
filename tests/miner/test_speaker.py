"""Text that is shown while it is made: in order, in batches, and never in the way of the work."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aitbc import Client
from miner.log import Log
from miner.node_api import NodeApi
from miner.speaker import MESSAGE_CHARACTERS_MAX, Speaker
from tests.miner.chain_of_one_job import ONCE, OneJob
from tests.sdk.scripted_server import Asked, Reply, serving

JOB = OneJob.make()


@dataclass
class Watcher:
    """Takes text as a coordinator does, and can forget it."""

    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    reply: Reply | None = None
    heard: threading.Event = field(default_factory=threading.Event)

    def __call__(self, asked: Asked) -> Reply:
        assert asked.path == f"/v1/jobs/{JOB.lease.job_id}/progress"
        body = json.loads(asked.body)
        self.calls.append(body)
        if self.reply is None and body["offset"] == len(self.text):
            self.text += body["text"]
        self.heard.set()
        return self.reply or Reply(200, {"next_offset": len(self.text)})


@contextmanager
def speaker_to(
    watcher: Watcher, refused: Callable[[str], None] = lambda code: None
) -> Iterator[Speaker]:
    with serving(watcher) as server, Client(server.url, retry=ONCE) as client:
        log = os.open(os.devnull, os.O_WRONLY)
        speaker = Speaker(NodeApi(client, "miner"), JOB.lease, Log(log), refused)
        try:
            with speaker:
                yield speaker
        finally:
            os.close(log)


def test_all_that_is_said_is_shown_by_the_end_of_the_work() -> None:
    watcher = Watcher()
    with speaker_to(watcher) as speaker:
        for word in ("Once ", "upon ", "a ", "time"):
            speaker.say(word)
    assert watcher.text == "Once upon a time"
    assert watcher.calls[0]["attempt"] == 1
    assert watcher.calls[0]["miner_id"] == "miner"


def test_text_is_shown_before_the_work_ends() -> None:
    watcher = Watcher()
    with speaker_to(watcher) as speaker:
        speaker.say("early")
        assert watcher.heard.wait(30)
        assert watcher.calls[0]["text"] == "early"


def test_work_that_says_nothing_sends_nothing() -> None:
    watcher = Watcher()
    with speaker_to(watcher):
        pass
    assert watcher.calls == []


def test_long_texts_go_in_pieces() -> None:
    watcher = Watcher()
    with speaker_to(watcher) as speaker:
        speaker.say("x" * (2 * MESSAGE_CHARACTERS_MAX + 1))
    assert len(watcher.text) == 2 * MESSAGE_CHARACTERS_MAX + 1
    assert max(len(call["text"]) for call in watcher.calls) == MESSAGE_CHARACTERS_MAX


def test_a_coordinator_that_forgot_is_told_again() -> None:
    watcher = Watcher()
    with speaker_to(watcher) as speaker:
        speaker.say("first ")
        assert watcher.heard.wait(30)
        watcher.text = ""
        speaker.say("second")
    assert watcher.text == "first second"


def test_a_coordinator_that_asks_for_the_same_again_is_not_humoured() -> None:
    watcher = Watcher(reply=Reply(200, {"next_offset": 0}))
    with speaker_to(watcher) as speaker:
        speaker.say("again")
    assert len(watcher.calls) < 100


def test_nothing_is_sent_once_the_attempt_is_over() -> None:
    watcher = Watcher(reply=Reply(409, {"error_code": "LEASE_LOST", "detail": "over"}))
    codes: list[str] = []
    with speaker_to(watcher, codes.append) as speaker:
        speaker.say("into ")
        assert watcher.heard.wait(30)
        speaker.say("the void")
    assert len(watcher.calls) == 1
    assert codes == ["LEASE_LOST"]


def test_a_fault_of_the_work_shows_nothing_more() -> None:
    watcher = Watcher()
    try:
        with speaker_to(watcher) as speaker:
            speaker.say("halfway")
            raise RuntimeError
    except RuntimeError:
        pass
    assert watcher.text in {"", "halfway"}
    assert all(call["text"] == "halfway" for call in watcher.calls)
