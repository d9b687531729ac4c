"""The hub that tells open pages what is new: one text for all, bounded, and idle when alone."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from explorer_web.live import hub as hub_module
from explorer_web.live.hub import LISTENERS_EACH_MAX, TRY_AGAIN_LATER, WAITING_MAX, LiveHub
from tests.explorer.moving import extend, moving_chain
from tests.explorer.serving import Served, serve

PATIENCE_S = 60


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The explorer over a chain that tests extend."""
    with moving_chain(tmp_path_factory.mktemp("live")) as chain, serve(chain) as served:
        yield served


def listen(site: Served, origin: str | None = None) -> ClientConnection:
    """Open a socket as a page of the site does."""
    address = site.url.replace("http", "ws") + "/live"
    return connect(address, origin=None if origin is None else Origin(origin))


def next_news(socket: ClientConnection) -> dict[str, Any]:
    """Return the next text."""
    found: dict[str, Any] = json.loads(socket.recv(PATIENCE_S))
    return found


def test_every_listener_is_sent_the_same_bytes_for_a_final_block(moving: Served) -> None:
    with listen(moving) as one, listen(moving) as other:
        first = next_news(one)
        assert first["kind"] == "state"
        assert next_news(other)["height"] == first["height"]
        extend(moving.chain, 2)
        texts = [socket.recv(PATIENCE_S) for socket in (one, other)]
    assert texts[0] == texts[1]
    news = json.loads(texts[0])
    height = moving.chain.world.final.header.height
    assert (news["kind"], news["height"], news["seq"]) == ("blocks", height, first["seq"] + 1)
    assert [row["height"] for row in news["rows"]] == [height, height - 1]
    assert news["totals"]["blocks"] == first["totals"]["blocks"] + 2


def test_a_row_that_is_sent_is_the_row_of_the_list(moving: Served) -> None:
    with listen(moving) as socket:
        next_news(socket)
        extend(moving.chain)
        row = next_news(socket)["rows"][0]["html"]
    assert row in moving.get("/blocks").text


def test_a_page_that_is_far_behind_is_sent_no_more_rows_than_a_list_has(moving: Served) -> None:
    with listen(moving) as socket:
        next_news(socket)
        extend(moving.chain, 60)
        news = next_news(socket)
    assert len(news["rows"]) == 25
    assert news["rows"][0]["height"] == news["height"]


def test_the_chain_going_stale_is_told_without_a_block(moving: Served) -> None:
    node = moving.chain.node
    with listen(moving) as socket:
        assert "Live" in next_news(socket)["health"]
        node.now_ms += 120_000
        news = next_news(socket)
        node.now_ms -= 120_000
    assert (news["kind"], news["rows"]) == ("state", [])
    assert "Stale" in news["health"]


def test_other_sites_may_not_listen_and_a_plain_request_is_told_why(moving: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        listen(moving, origin="https://elsewhere.example")
    assert refused.value.response.status_code == 403
    plain = moving.get("/live")
    assert (plain.status_code, plain.headers["upgrade"]) == (426, "websocket")


def test_listeners_beyond_the_limit_are_asked_to_come_back(
    moving: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LISTENERS_MAX", 1)
    with listen(moving) as socket:
        next_news(socket)
        with pytest.raises(InvalidStatus) as refused:
            listen(moving)
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["retry-after"] == "30"


def test_one_address_leaves_room_for_others(
    moving: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LISTENERS_EACH_MAX", 2)
    with listen(moving) as one, listen(moving) as other:
        assert next_news(one)["height"] == next_news(other)["height"]
        with pytest.raises(InvalidStatus) as refused:
            listen(moving)
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["retry-after"] == "30"


class Desk:
    """Has news whenever it is asked for some, as often as a test says."""

    def __init__(self) -> None:
        self.looks = 0
        self.looked = asyncio.Event()

    async def look(self, *, even_if_quiet: bool = False) -> str | None:
        self.looks += 1
        self.looked.set()
        return str(self.looks)


class Ear:
    """A page that reads, or does not."""

    def __init__(self, *, reads: bool = True) -> None:
        self.may_read = asyncio.Event()
        if reads:
            self.may_read.set()
        self.heard: list[str] = []
        self.has_heard = asyncio.Event()
        self.code: int | None = None

    async def send(self, text: str) -> None:
        await self.may_read.wait()
        self.heard.append(text)
        self.has_heard.set()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.code = code


class Deaf(Ear):
    """A page that takes nothing, not even that it is let go."""

    def __init__(self) -> None:
        super().__init__(reads=False)
        self.is_closing = asyncio.Event()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.is_closing.set()
        await self.may_read.wait()


async def test_a_page_that_does_not_read_is_let_go_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "LOOK_S", 0)
    hub = LiveHub(Desk())
    slow, quick = Ear(reads=False), Ear()
    async with asyncio.timeout(PATIENCE_S):
        held = asyncio.create_task(hub.session(slow, "10.0.0.1"))
        follows = asyncio.create_task(hub.session(quick, "10.0.0.1"))
        while len(quick.heard) < 3 * WAITING_MAX:
            quick.has_heard.clear()
            await quick.has_heard.wait()
        # What was being sent to it is broken off: it never reads.
        await held
        assert (slow.code, slow.heard) == (TRY_AGAIN_LATER, [])
        assert hub.count == 1
        follows.cancel()
        await asyncio.gather(follows, return_exceptions=True)


async def test_pages_that_are_let_go_take_no_place_although_they_do_not_even_hear_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "LOOK_S", 0)
    hub = LiveHub(Desk())
    deaf = [Deaf() for _ in range(LISTENERS_EACH_MAX)]
    held = [asyncio.create_task(hub.session(each, "10.0.0.1")) for each in deaf]
    async with asyncio.timeout(PATIENCE_S):
        for each in deaf:
            await each.is_closing.wait()
        ear = Ear()
        follows = asyncio.create_task(hub.session(ear, "10.0.0.1"))
        await ear.has_heard.wait()
        assert hub.count == 1
        await asyncio.gather(*held)
        follows.cancel()
        await asyncio.gather(follows, return_exceptions=True)
    assert hub.count == 0


async def test_a_page_beyond_the_limit_of_its_address_is_told_and_others_are_let_in() -> None:
    hub = LiveHub(Desk())
    ears = [Ear() for _ in range(LISTENERS_EACH_MAX)]
    sessions = [asyncio.create_task(hub.session(ear, "10.0.0.1")) for ear in ears]
    async with asyncio.timeout(PATIENCE_S):
        for ear in ears:
            await ear.has_heard.wait()
        beyond, other = Ear(), Ear()
        await hub.session(beyond, "10.0.0.1")
        assert (beyond.code, beyond.heard) == (TRY_AGAIN_LATER, [])
        sessions.append(asyncio.create_task(hub.session(other, "10.0.0.2")))
        await other.has_heard.wait()
    for session in sessions:
        session.cancel()
    await asyncio.gather(*sessions, return_exceptions=True)
    assert hub.count == 0


async def test_nothing_is_looked_at_while_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "LOOK_S", 0)
    desk = Desk()
    hub = LiveHub(desk)
    for _ in range(2):
        ear = Ear()
        session = asyncio.create_task(hub.session(ear, "10.0.0.1"))
        async with asyncio.timeout(PATIENCE_S):
            await ear.has_heard.wait()
        session.cancel()
        await asyncio.gather(session, return_exceptions=True)
        looks = desk.looks
        for _ in range(20):
            await asyncio.sleep(0)
        assert desk.looks == looks
        assert hub.count == 0
