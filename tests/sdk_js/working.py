"""Miners that work beside a JavaScript program, as the literal miner of document 004 does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.api.site import Served

ANSWER = "Grüße, 世界! \U0001f30d"

RESULTS: Mapping[str, Any] = {"predicted_class": "cat", "top_3": [{"class_name": "cat"}]}
"""Results of a Python job, with names of the program's own."""


@asynccontextmanager
async def working(site: Served) -> AsyncIterator[None]:
    """Have a miner do every job while the context lasts: text for models, JSON for programs."""
    capabilities = ["llama3.2", "llama2", "python"]
    assert (await site.register(capabilities=capabilities)).status_code == 201
    task = asyncio.create_task(_work(site))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _work(site: Served) -> None:
    while True:
        poll = {"miner_id": site.miner, "wait_s": 5}
        offered = (await site.http.post("/v1/miners/poll", json=poll)).json()["job"]
        if offered is None:
            continue
        job_id = offered["job_id"]
        if (await site.claim(job_id)).status_code != 200:
            continue  # Its client was faster, and cancelled it.
        if offered["service"] == "python":
            body = {"miner_id": site.miner, "output": {"json": RESULTS}}
            done = await site.http.post(f"/v1/jobs/{job_id}/complete", json=body)
        else:
            done = await site.complete(job_id, ANSWER)
        assert done.status_code == 200, done.text
