"""What the statistics of a miner count; the marketplace's are in `test_offers_on_a_node`."""

import asyncio
from typing import Any

import pytest

from tests.api.node_site import ASK_EVERY_S, NodeSite
from tests.api.site import Served
from tests.coordinator.world import PATIENCE_S

V3 = {"AITBC-Version": "2026-05-11"}


async def counted(site: Served, jobs: int) -> dict[str, Any]:
    """Return the statistics of the site's miner once they have so many jobs."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            stats: dict[str, Any] = (await site.http.get(f"/v1/miners/{site.miner}/stats")).json()
            if stats["total_jobs"] >= jobs:
                return stats
            await asyncio.sleep(ASK_EVERY_S)


@pytest.mark.row("2024-01-01.000.miners.stats")
async def test_a_miners_statistics_count_what_it_did(node_site: NodeSite) -> None:
    path = f"/v1/miners/{node_site.miner}/stats"
    assert (await node_site.register()).status_code == 201
    fresh = (await node_site.http.get(path)).json()
    assert set(fresh) == {
        "miner_id",
        "reputation",
        "total_jobs",
        "success_rate",
        "average_completion_time",
        "total_earned",
        "active_since",
    }
    assert (fresh["reputation"], fresh["success_rate"], fresh["total_jobs"]) == (0.0, 0.0, 0)
    assert (fresh["average_completion_time"], fresh["total_earned"]) == (0.0, "0.00")
    for _ in range(2):
        await node_site.done({"prompt": "Done.", "model": "llama3.2", "max_price": "0.1"})
    lost = await node_site.queued({"prompt": "Lost.", "model": "llama3.2"})
    await node_site.claim(lost)
    failed = {"miner_id": node_site.miner, "reason": "RUNNER_FAILED", "message": "crashed"}
    assert (await node_site.http.post(f"/v1/jobs/{lost}/fail", json=failed)).status_code == 200
    stats = await counted(node_site, 3)
    assert (stats["total_jobs"], stats["success_rate"]) == (3, 0.6667)
    assert 0 < stats["reputation"] < 5
    (service,) = (await node_site.http.get(path, headers=V3)).json()["services"]
    assert service["service"] == "llm_inference"
    counts = {"attempts": 3, "completed": 2, "faults": 1, "settled": 2, "refuted": 0}
    assert {name: service[name] for name in counts} == counts
    assert service["reputation"] == stats["reputation"]
    unknown = await node_site.http.get("/v1/miners/nobody/stats")
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, "MINER_NOT_FOUND")
