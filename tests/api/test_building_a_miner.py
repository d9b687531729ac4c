"""The miner that docs/building-custom-miner.md prints does what the page says, against a site."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coordinator.clients import Scope
from tests.api.node_site import NodeSite
from tests.api.site import Served, Site

PAGE = Path(__file__).parents[2] / "docs" / "building-custom-miner.md"

TEXT = PAGE.read_text(encoding="utf-8")

LIMIT_S = 60
"""Limit of whatever is waited for, on a busy machine."""

ORDER = {"prompt": "How long is a piece of string", "model": "word-counter"}
"""What the page orders."""


class Miner:
    """The page's program, running."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def says(self, pattern: str) -> str:
        """Return when it prints a line like this."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            while line := (await self.process.stdout.readline()).decode():
                if re.match(pattern, line):
                    return line
        raise AssertionError(f"it ended and did not say {pattern}")

    async def stop(self) -> int:
        """End it as Ctrl-C does, and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(LIMIT_S):
            return await self.process.wait()


def printed_program() -> str:
    """Return the program that the page prints."""
    (program,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return str(program)


@asynccontextmanager
async def running_miner(
    site: Served, folder: Path, key: str = "", program: str = ""
) -> AsyncIterator[Miner]:
    """Run the page's program and give it once it is registered."""
    file = folder / "miner.py"
    file.write_text(program or printed_program())
    settings = {"AITBC_BASE_URL": site.url, "AITBC_API_KEY": key, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(file), env={**os.environ, **settings}, stdout=asyncio.subprocess.PIPE
    )
    try:
        miner = Miner(process)
        await miner.says("ready: my-miner-001")
        yield miner
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.row("2026-01-24.004.docs.building-custom-miner")
async def test_the_printed_miner_does_jobs_shows_its_text_and_is_paid(
    demo_site: NodeSite, tmp_path: Path
) -> None:
    async with running_miner(demo_site, tmp_path) as miner:
        done = await demo_site.http.post("/v1/jobs", json=ORDER, headers={"Prefer": "wait=20"})
        assert done.json()["status"] == "completed", done.text
        result = done.json()["result"]
        assert f'"result": "{result}"' in TEXT
        await miner.says(rf"done: {done.json()['job_id']}")
        receipt = (await demo_site.http.get(f"/v1/receipts/{done.json()['job_id']}")).json()
        assert receipt["miner_id"] == "my-miner-001"
        events = await demo_site.http.get(f"/v1/jobs/{done.json()['job_id']}/events?since=0")
        assert '"state":"COMPLETED"' in events.text
        assert await miner.stop() == 0
    stands = await demo_site.http.post("/v1/miners/heartbeat", json={"miner_id": "my-miner-001"})
    assert (stands.json()["status"], stands.json()["jobs"]) == ("draining", [])


async def test_the_printed_miner_gives_up_what_cannot_be_done(site: Site, tmp_path: Path) -> None:
    async with running_miner(site, tmp_path) as miner:
        order = {**ORDER, "prompt": "   "}
        done = await site.http.post("/v1/jobs", json=order, headers={"Prefer": "wait=20"})
        assert done.json()["status"] == "failed", done.text
        assert "the prompt has no words" in done.json()["error"]
        await miner.says("refused: job_")
        assert await miner.stop() == 0


async def test_the_printed_miner_stops_working_when_its_client_cancels(
    site: Site, tmp_path: Path
) -> None:
    """With an answer that takes two minutes, and yields all the time."""
    slow = """
    import time
    for _ in range(1_200 if "slow" in words else 0):
        time.sleep(0.1)
        yield "."
"""
    before, line, after = printed_program().partition('    yield f"{len(words)} words, "\n')
    assert line
    async with running_miner(site, tmp_path, program=before + slow + line + after) as miner:
        job_id = await site.queued({**ORDER, "prompt": "a slow one"})
        async with site.http.stream("GET", f"/v1/jobs/{job_id}/events") as events:
            async for told in events.aiter_lines():
                if told == "event: text":
                    break
        cancelled = await site.http.post(f"/v1/jobs/{job_id}/cancel")
        assert cancelled.json()["status"] == "cancelled"
        done = await site.http.post("/v1/jobs", json=ORDER, headers={"Prefer": "wait=30"})
        assert done.json()["status"] == "completed", done.text
        assert await miner.stop() == 0


async def test_the_printed_miner_works_with_a_key_of_the_scope_miner(
    site: Site, tmp_path: Path
) -> None:
    key = await site.key(Scope.MINER)
    async with running_miner(site, tmp_path, key) as miner:
        done = await site.http.post("/v1/jobs", json=ORDER, headers={"Prefer": "wait=20"})
        assert done.json()["status"] == "completed", done.text
        refused = await site.claim(done.json()["job_id"])
        assert refused.status_code == 403, "the miner belongs to the key"
        assert await miner.stop() == 0
