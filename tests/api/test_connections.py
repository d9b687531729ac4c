"""Callers that are slow, go away or speak badly, over raw sockets."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from coordinator.artifacts import under_way
from coordinator.http import bodies
from tests.api.listening import eventually
from tests.api.site import MINER, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, text: str) -> None:
        self.writer.write(text.replace("\n", "\r\n").encode("latin-1"))
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, object]]:
        """Return status and JSON body of the next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(
            int(line.partition(":")[2])
            for line in head.splitlines()
            if line.lower().startswith("content-length:")
        )
        return int(head.split()[1]), json.loads(await self.reader.readexactly(length))


@asynccontextmanager
async def connected(site: Site) -> AsyncIterator[Line]:
    address = urlsplit(site.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


HEAD = "POST {path} HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"


@pytest.mark.parametrize(
    ("path", "framing"),
    [
        ("/v1/jobs", "Content-Length: 100\n\n{"),
        ("/v1/jobs", "Transfer-Encoding: chunked\n\n1\n{\n"),
        ("/v1/artifacts", "Content-Length: 100\n\n{"),
    ],
)
async def test_a_body_that_does_not_come_is_not_waited_for(
    site_of_module: Site, monkeypatch: pytest.MonkeyPatch, path: str, framing: str
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.1)
    monkeypatch.setattr(under_way, "GRACE_SECONDS", 0.1)
    async with connected(site_of_module) as line:
        await line.send(HEAD.format(path=path) + framing)
        status, body = await line.answer()
        assert (status, body["error_code"]) == (408, "REQUEST_TIMEOUT")


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/artifacts"])
async def test_a_caller_that_goes_away_is_no_failure_of_ours(
    site_of_module: Site, path: str
) -> None:
    with capture_logs() as logs:
        async with connected(site_of_module) as line:
            await line.send(HEAD.format(path=path) + "Content-Length: 100\n\n{")
        # Served after the other one's end was seen, on the same loop.
        assert (await site_of_module.http.get("/v1/jobs")).status_code == 200
    assert [entry for entry in logs if entry["event"] == "request_failed"] == []
    drafts = site_of_module.world.config.artifact_dir / "drafts"
    await asyncio.to_thread(wait_until_empty, drafts)


async def test_a_poll_ends_with_its_caller_and_keeps_no_job_from_others(
    site_of_module: Site,
) -> None:
    assert (await site_of_module.register()).status_code in {200, 201}
    queue = site_of_module.world.services.core.follower.queue
    body = json.dumps({"miner_id": MINER, "wait_s": 30})
    async with connected(site_of_module) as line:
        length = f"Content-Length: {len(body)}\n\n"
        await line.send(HEAD.format(path="/v1/miners/poll") + length + body)
        await eventually(lambda: queue.waiting == 1)
        began = time.monotonic()
    await eventually(lambda: queue.waiting == 0)
    assert time.monotonic() - began < 25, "it went on to its own end"


def wait_until_empty(folder: Path) -> None:
    """Return when what an upload had written is gone; only the folder itself tells."""
    deadline = time.monotonic() + 10
    while list(folder.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_requests_in_a_row_on_one_connection_are_answered_in_a_row(
    site_of_module: Site,
) -> None:
    async with connected(site_of_module) as line:
        wrong = "Content-Length: 2\n\n[]"
        await line.send((HEAD.format(path="/v1/jobs") + wrong) * 3)
        for _ in range(3):
            status, body = await line.answer()
            assert (status, body["error_code"]) == (400, "VALIDATION_ERROR")


async def test_a_request_for_no_host_may_not_act_as_the_demo_identity(
    site_of_module: Site,
) -> None:
    async with connected(site_of_module) as line:
        await line.send("GET /v1/jobs HTTP/1.0\n\n")
        status, body = await line.answer()
        assert (status, body["error_code"]) == (403, "ORIGIN_REFUSED")


async def test_strange_headers_do_no_harm(site_of_module: Site) -> None:
    async with connected(site_of_module) as line:
        strange = (
            "X-Request-Id: a\tb\nAccept: ;;,,/;q=x\nPrefer: wait=;;\n"
            "X-Api-Key: \nAuthorization: \xff\n"
        )
        await line.send(f"GET /v1/jobs HTTP/1.1\nHost: localhost\n{strange}\n")
        status, _ = await line.answer()
        assert status == 406
        await line.send("GET /v1/jobs?limit=%ff&%00=1 HTTP/1.1\nHost: localhost\n\n")
        status, body = await line.answer()
        assert (status, body["error_code"]) == (400, "VALIDATION_ERROR")


async def test_a_head_that_does_not_end_is_cut_off(site_of_module: Site) -> None:
    async with connected(site_of_module) as line:
        await line.send("GET /v1/health HTTP/1.1\nHost: localhost\n")
        with contextlib.suppress(ConnectionError):
            for number in range(4_096):
                await line.send(f"X-{number}: {'a' * 1_024}\n")
            raise AssertionError("4 MiB of a head were taken")
