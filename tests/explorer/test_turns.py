"""One address keeps nobody else waiting: threads in turn, places for downloads, clear refusals."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from coordinator.http.remote import UNKNOWN, neighbourhood
from explorer_web import turns as turns_module
from explorer_web.turns import (
    AT_ONCE_MAX,
    DOWNLOADS_EACH_MAX,
    DOWNLOADS_MAX,
    IN_LINE_MAX,
    THREADS,
    Downloads,
    DownloadTooSlow,
    Place,
    Refused,
    Turns,
)
from tests.explorer.serving import Served

PATIENCE_S = 60


async def test_the_threads_of_the_rest_of_the_node_are_left_alone() -> None:
    turns = Turns()
    held = threading.Event()
    reads = [asyncio.create_task(turns.run(f"10.0.0.{n}", held.wait)) for n in range(40)]
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.to_thread(lambda: 7) == 7
        held.set()
        await asyncio.gather(*reads)


async def test_who_asks_once_waits_for_no_crowd_of_one_other_address() -> None:
    turns = Turns()
    step = threading.Semaphore(0)
    done: list[str] = []

    def work(name: str) -> None:
        assert step.acquire(timeout=PATIENCE_S)
        done.append(name)

    greedy = [
        asyncio.create_task(turns.run("10.0.0.1", lambda: work("greedy")))
        for _ in range(IN_LINE_MAX)
    ]
    await asyncio.sleep(0)
    other = asyncio.create_task(turns.run("10.0.0.2", lambda: work("other")))
    await asyncio.sleep(0)
    step.release(IN_LINE_MAX + 1)
    async with asyncio.timeout(PATIENCE_S):
        await other
        assert done.index("other") <= AT_ONCE_MAX + THREADS
        await asyncio.gather(*greedy)


async def test_an_address_whose_line_is_full_is_refused_until_it_is_shorter() -> None:
    turns = Turns()
    held = threading.Event()
    line = [asyncio.create_task(turns.run("10.0.0.1", held.wait)) for _ in range(IN_LINE_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(Refused) as refused:
        await turns.run("10.0.0.1", held.wait)
    assert refused.value.status == 429
    other = asyncio.create_task(turns.run("10.0.0.2", lambda: 1))
    held.set()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*line)
        assert await other == 1
        assert await turns.run("10.0.0.1", lambda: 2) == 2


async def test_what_a_piece_of_work_raises_reaches_who_asked_and_frees_its_turn() -> None:
    turns = Turns()
    for _ in range(AT_ONCE_MAX + 1):
        with pytest.raises(ZeroDivisionError):
            await turns.run("10.0.0.1", lambda: 1 // 0)


def parts() -> Iterator[bytes]:
    """Three parts."""
    yield from (b"a", b"b", b"c")


async def test_a_download_comes_whole_and_leaves_its_place() -> None:
    downloads = Downloads(Turns())
    for _ in range(DOWNLOADS_MAX + 1):
        place = downloads.place("10.0.0.1")
        assert downloads.count == 1
        assert [part async for part in downloads.stream(place, parts())] == [b"a", b"b", b"c"]
        assert downloads.count == 0


async def test_downloads_are_bounded_for_each_address_and_together() -> None:
    downloads = Downloads(Turns())
    places = [downloads.place("10.0.0.1") for _ in range(DOWNLOADS_EACH_MAX)]
    with pytest.raises(Refused) as refused:
        downloads.place("10.0.0.1")
    assert refused.value.status == 429
    others = range(DOWNLOADS_MAX - DOWNLOADS_EACH_MAX)
    places += [downloads.place(f"10.0.1.{number}") for number in others]
    with pytest.raises(Refused) as refused:
        downloads.place("10.0.2.1")
    assert refused.value.status == 503
    for place in places:
        place.leave()
        place.leave()
    assert downloads.count == 0


async def test_a_reader_that_goes_away_leaves_its_place() -> None:
    downloads = Downloads(Turns())
    stream = downloads.stream(downloads.place("10.0.0.1"), parts())
    assert await anext(stream) == b"a"
    del stream
    for _ in range(20):
        await asyncio.sleep(0)
    assert downloads.count == 0


async def test_a_reader_that_never_begins_or_is_slow_loses_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns_module, "DOWNLOAD_S_MAX", 0.01)
    left = asyncio.Event()
    place = Place("10.0.0.1", left.set)
    async with asyncio.timeout(PATIENCE_S):
        await left.wait()
    with pytest.raises(DownloadTooSlow):
        await anext(Downloads(Turns()).stream(place, parts()))


@pytest.mark.parametrize(("name", "status"), [("DOWNLOADS_EACH_MAX", 429), ("DOWNLOADS_MAX", 503)])
def test_a_download_without_a_place_is_refused_and_pages_are_not(
    site: Served, monkeypatch: pytest.MonkeyPatch, name: str, status: int
) -> None:
    monkeypatch.setattr(turns_module, name, 0)
    refused = site.get("/transactions.csv")
    assert (refused.status_code, refused.headers["retry-after"]) == (status, "5")
    assert "Ask again in 5 seconds." in refused.text
    assert refused.headers["cache-control"] == "no-store"
    assert "content-security-policy" in refused.headers
    assert site.get("/transactions").status_code == 200
    monkeypatch.undo()
    assert site.get("/transactions.csv").status_code == 200


def test_a_refused_or_malformed_download_leaves_its_place(site: Served) -> None:
    for _ in range(DOWNLOADS_MAX + 1):
        assert site.get("/jobs.csv?phase=lost").status_code == 404
    assert site.get("/jobs.csv").status_code == 200


def test_more_requests_than_an_address_may_have_are_refused_with_when_to_come_back(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "IN_LINE_MAX", 0)
    for path in ("/", "/blocks.json", "/accounts/none", "/jobs.csv"):
        refused = site.get(path)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5"), path


def test_many_readers_of_one_address_are_all_answered(site: Served) -> None:
    with ThreadPoolExecutor(IN_LINE_MAX // 4) as readers:
        answers = list(readers.map(site.get, ["/blocks"] * IN_LINE_MAX))
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::2:0:0:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", UNKNOWN),
        ("a-host", UNKNOWN),
    ],
)
def test_limits_count_by_an_ipv4_address_or_an_ipv6_64(host: str, counted: str) -> None:
    assert neighbourhood(host) == counted
