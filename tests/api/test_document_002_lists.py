"""Document 002 (version 2026-01-24): what depends on all that is there, such as lists."""

import asyncio
import re

import pytest

from tests.api.document_002 import JOB_FIELDS, PROMPT, RECEIPT_FIELDS, WHOLE_SECONDS
from tests.api.node_site import NodeSite
from tests.api.site import Site

OWN = "a-model-of-this-file"
"""Of jobs that the miners of no other test are offered."""


@pytest.mark.row(
    "2026-01-24.002.jobs.get",
    "2026-01-24.002.jobs.available",
    "2026-01-24.002.state.running",
    "2026-01-24.002.state.completed",
    "2026-01-24.004.jobs.get",
    "2026-01-24.004.jobs.available",
    "2026-01-24.004.jobs.complete",
    "2026-01-24.004.status.200",
)
async def test_a_job_goes_through_every_status_that_a_miner_brings_it_to(
    node_site: NodeSite,
) -> None:
    await node_site.register(capabilities=[OWN])
    job_id = await node_site.queued(PROMPT | {"model": OWN})
    offered = (await node_site.http.get(f"/v1/jobs/available?miner_id={node_site.miner}")).json()
    assert (offered["job_id"], offered["status"]) == (job_id, "pending")
    assert (offered["prompt"], offered["model"]) == (PROMPT["prompt"], OWN)

    assert (await node_site.claim(job_id)).status_code == 200
    running = (await node_site.http.get(f"/v1/jobs/{job_id}")).json()
    assert (running["status"], running["miner_id"]) == ("running", node_site.miner)
    assert WHOLE_SECONDS.fullmatch(running["started_at"])

    completed = await node_site.complete(job_id, "Quantum computing is...")
    assert completed.status_code == 200
    job = (await node_site.http.get(f"/v1/jobs/{job_id}")).json()
    assert set(job) == JOB_FIELDS
    assert (job["status"], job["result"]) == ("completed", "Quantum computing is...")
    assert WHOLE_SECONDS.fullmatch(job["completed_at"])


@pytest.mark.row("2026-01-24.002.jobs.available.none")
async def test_nothing_available_is_the_four_bytes_null(node_site: NodeSite) -> None:
    await node_site.register(capabilities=["a-model-of-no-job"])
    response = await node_site.http.get(f"/v1/jobs/available?miner_id={node_site.miner}")
    assert (response.status_code, response.content) == (200, b"null")
    assert response.headers["content-type"] == "application/json"


@pytest.mark.row(
    "2026-01-24.002.jobs.list",
    "2026-01-24.002.jobs.list.limit-default",
    "2026-01-24.002.jobs.list.limit-maximum",
    "2026-01-24.002.jobs.list.offset-default",
)
async def test_lists_are_bare_arrays_newest_first_of_twenty(node_site: NodeSite) -> None:
    jobs = [await node_site.submit(PROMPT) for _ in range(22)]
    newest_first = [job["job_id"] for job in reversed(jobs)]

    async def listed(query: str) -> list[str]:
        response = await node_site.http.get(f"/v1/jobs{query}")
        assert response.status_code == 200, response.text
        return [job["job_id"] for job in response.json()]

    assert await listed("") == newest_first[:20]
    assert await listed("?limit=100") == newest_first
    assert (await node_site.http.get("/v1/jobs?limit=101")).status_code == 400
    assert await listed("?limit=3&offset=2") == newest_first[2:5]
    first = await node_site.http.get("/v1/jobs?limit=15&status=pending")
    following = re.fullmatch(r'<(/v1/jobs\?[^>]+)>; rel="next"', first.headers["link"])
    assert following is not None
    second = await node_site.http.get(following[1])
    together = [job["job_id"] for job in first.json() + second.json()]
    assert together == newest_first
    assert "link" not in second.headers


@pytest.mark.row(
    "2026-01-24.002.jobs.list.status-pending",
    "2026-01-24.002.jobs.list.status-running",
    "2026-01-24.002.jobs.list.status-completed",
    "2026-01-24.002.jobs.list.status-failed",
    "2026-01-24.002.jobs.list.status-cancelled",
    "2026-01-24.002.state.failed",
    "2026-01-24.004.jobs.list",
)
async def test_the_status_filter_takes_every_versions_spelling(node_site: NodeSite) -> None:
    await node_site.register()
    wanted = {"pending": await node_site.queued(PROMPT)}
    wanted["running"] = await node_site.queued(PROMPT)
    await node_site.claim(wanted["running"])
    wanted["completed"] = await node_site.done(PROMPT)
    wanted["cancelled"] = await node_site.queued(PROMPT)
    await node_site.http.post(f"/v1/jobs/{wanted['cancelled']}/cancel")
    wanted["failed"] = await node_site.queued(PROMPT)
    await node_site.claim(wanted["failed"])
    await node_site.http.post(
        f"/v1/jobs/{wanted['failed']}/fail",
        json={"miner_id": node_site.miner, "reason": "BAD_INPUT"},
    )
    await node_site.refunded(wanted["failed"])
    for status, job_id in wanted.items():
        for spelling in (f"status={status}", f"state={status.upper()}"):
            listed = (await node_site.http.get(f"/v1/jobs?{spelling}")).json()
            assert [job["job_id"] for job in listed] == [job_id], spelling
            assert [job["status"] for job in listed] == [status]
    for spelling in ("submitted", "queued", "QUEUED"):
        listed = (await node_site.http.get(f"/v1/jobs?status={spelling}")).json()
        assert [job["job_id"] for job in listed] == [wanted["pending"]]


async def test_an_expired_job_has_failed_so_that_clients_stop_waiting(site: Site) -> None:
    job_id = await site.queued(PROMPT | {"ttl_seconds": 1})
    await site.world.pass_time(60)
    job = (await site.http.get(f"/v1/jobs/{job_id}")).json()
    assert job["status"] == "failed"
    assert job["error"] == "Job exceeded TTL without completion"
    failed = (await site.http.get("/v1/jobs?status=failed")).json()
    assert [item["job_id"] for item in failed] == [job_id]


@pytest.mark.row(
    "2026-01-24.002.receipts.list",
    "2026-01-24.002.receipts.list.client",
    "2026-01-24.002.receipts.list.provider",
    "2026-01-24.002.receipts.get",
    "2026-01-24.004.receipts.get",
    "2026-01-24.004.receipts.list",
)
async def test_receipts_are_listed_by_client_and_provider_and_read_by_id(
    node_site: NodeSite,
) -> None:
    job_id = await node_site.done(PROMPT)
    receipt = (await node_site.http.get("/v1/receipts")).json()[0]
    assert set(receipt) == RECEIPT_FIELDS
    assert receipt["job_id"] == job_id
    address = (await node_site.http.get(f"/v1/miners/{node_site.miner}")).json()["address"]
    for query in (
        f"client={receipt['client']}",
        f"provider={node_site.miner}",
        f"provider={node_site.miner.upper()}",
        f"provider={address}",
        f"client={receipt['client']}&provider={node_site.miner}&limit=1",
    ):
        assert (await node_site.http.get(f"/v1/receipts?{query}")).json() == [receipt], query
    for query in (f"client={address}", "provider=nobody"):
        assert (await node_site.http.get(f"/v1/receipts?{query}")).json() == [], query
    one = await node_site.http.get(f"/v1/receipts/{receipt['receipt_id']}")
    assert (one.status_code, one.json()) == (200, receipt)


@pytest.mark.row("2026-01-24.002.receipts.list.limit-default")
async def test_receipts_are_listed_newest_first_twenty_at_most(node_site: NodeSite) -> None:
    await node_site.register()
    done = await asyncio.gather(*(node_site.queued(PROMPT) for _ in range(20)))
    for job_id in done:
        assert (await node_site.claim(job_id)).status_code == 200
        assert (await node_site.complete(job_id)).status_code == 200
    await asyncio.gather(*map(node_site.paid, done))
    last = await node_site.done(PROMPT)

    async def listed(query: str) -> list[str]:
        response = await node_site.http.get(f"/v1/receipts{query}")
        assert response.status_code == 200, response.text
        return [receipt["job_id"] for receipt in response.json()]

    newest = await listed("?limit=21")
    assert newest[0] == last
    assert set(newest) == {*done, last}
    assert await listed("") == newest[:20]
    assert (await listed("?limit=100"))[:21] == newest
    assert await listed("?limit=1") == [last]


@pytest.mark.row(
    "2026-01-24.002.explorer.blocks",
    "2026-01-24.002.explorer.blocks.limit-default",
    "2026-01-24.002.explorer.transactions",
    "2026-01-24.002.explorer.receipts",
    "2026-01-24.002.explorer.stats",
    "2026-01-24.004.explorer.blocks",
    "2026-01-24.004.explorer.transactions",
    "2026-01-24.004.explorer.receipts",
    "2026-01-24.004.explorer.stats",
)
async def test_the_explorer_arrays_are_newest_first_and_ten_at_most(node_site: NodeSite) -> None:
    job_id = await node_site.done(PROMPT)
    before = (await node_site.http.get("/v1/stats")).json()
    assert before["block_height"] > 0
    while (blocks := (await node_site.http.get("/explorer/blocks")).json())[0]["height"] <= 10:
        await node_site.queued(PROMPT)
    height = blocks[0]["height"]
    assert [block["height"] for block in blocks] == [*range(height, height - 10, -1)]
    for block in blocks:
        assert set(block) == {"height", "hash", "timestamp", "transactions"}
        assert re.fullmatch(r"[0-9a-f]{64}", block["hash"])
        assert WHOLE_SECONDS.fullmatch(block["timestamp"])
        assert isinstance(block["transactions"], int)
    assert len((await node_site.http.get("/explorer/blocks?limit=3")).json()) == 3

    transactions = (await node_site.http.get("/explorer/transactions?limit=100")).json()
    types = [transaction["type"] for transaction in transactions]
    assert {"submit_job", "assign_job", "post_receipt", "register_miner"} <= set(types)
    heights = [transaction["block_height"] for transaction in transactions]
    assert heights == sorted(heights, reverse=True)
    assert len((await node_site.http.get("/explorer/transactions")).json()) <= 10

    receipts = (await node_site.http.get("/explorer/receipts")).json()
    assert len(receipts) <= 10
    receipt = receipts[0]
    assert set(receipt) == RECEIPT_FIELDS
    assert receipt["job_id"] == job_id

    stats = (await node_site.http.get("/explorer/stats")).json()
    assert set(stats) == set(before)
    assert all(stats[name] >= count > 0 for name, count in before.items()), (stats, before)
    await node_site.done(PROMPT)
    more = (await node_site.http.get("/v1/stats")).json()
    assert more["total_jobs"] > stats["total_jobs"]
    assert more["total_receipts"] == stats["total_receipts"] + 1
