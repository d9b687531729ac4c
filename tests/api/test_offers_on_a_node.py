"""Offers on real node processes: killed between an acceptance and its work, and counted."""

from pathlib import Path

import pytest

from tests.api.node_site import (
    NEWEST,
    contract_of_declarations,
    keyless_site_on,
    running_node,
)
from tests.api.site import MINER, REGISTRATION
from tests.processes import NodeFolder, start_node

OFFERS = "/v1/marketplace/offers"

OFFER = {"job_type": "llm_inference", "price": "0.001", "max_jobs": 1, "duration": 3600}

HELD = {"prompt": "Two lines.", "model": "llama3.2", "hold": True}


def test_after_a_kill_nothing_of_an_acceptance_is_stranded(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n", with_coordinator=True)
    with start_node(folder) as node, node.client() as http:
        assert http.post("/v1/miners/register", json=REGISTRATION).status_code == 201
        offer_id = http.post(OFFERS, json=OFFER).json()["offer_id"]
        job_id = http.post("/v1/jobs", json=HELD).json()["job_id"]
        body = {"job_id": job_id, "bid_price": "0.001"}
        accepted = http.post(f"{OFFERS}/{offer_id}/accept", json=body)
        assert accepted.status_code == 200, accepted.text
        node.kill()
    with start_node(folder) as node, node.client() as http:
        again = http.post(f"{OFFERS}/{offer_id}/accept", json=body)
        assert again.json()["transaction_id"] == accepted.json()["transaction_id"]
        polled = http.post("/v1/miners/poll", json={"miner_id": MINER, "wait_s": 25}, timeout=40)
        assert polled.json()["job"]["job_id"] == job_id
        claim = http.post(f"/v1/jobs/{job_id}/claim", json={"miner_id": MINER})
        assert claim.status_code == 200, claim.text
        result = {
            "miner_id": MINER,
            "result": "An answer.",
            "completed_at": "2026-01-24T15:00:05Z",
        }
        done = http.post(f"/v1/jobs/{job_id}/complete", json=result, timeout=30)
        assert done.status_code == 200, done.text
        late = http.post("/v1/jobs", json=HELD).json()["job_id"]
        taken = http.post(f"{OFFERS}/{offer_id}/accept", json={**body, "job_id": late})
        assert (taken.status_code, taken.json()["error_code"]) == (410, "OFFER_NOT_AVAILABLE")
        stats = http.get(f"/v1/miners/{MINER}/stats").json()
        assert (stats["total_jobs"], stats["success_rate"]) == (1, 1.0)


@pytest.mark.row("2024-01-01.000.marketplace.stats")
async def test_the_marketplaces_counts_add_up_as_the_document_has_it(tmp_path: Path) -> None:
    """On a node of its own: the counts are over the jobs of all clients."""
    path = "/v1/marketplace/stats"
    with running_node(tmp_path / "n") as node:
        site = keyless_site_on(node, contract_of_declarations())
        assert (await site.register()).status_code == 201
        empty = (await site.http.get(path)).json()
        assert empty == {
            "total_jobs": 0,
            "active_jobs": 0,
            "completed_jobs": 0,
            "failed_jobs": 0,
            "average_completion_time": 0.0,
            "total_volume": "0.00",
            "active_miners": 1,
        }
        expired = await site.queued({**HELD, "ttl_seconds": 2})
        done = await site.done({"prompt": "Done.", "model": "llama3.2", "max_price": "0.1"})
        await site.failed({"prompt": "Bad.", "model": "llama3.2"})
        cancelled = await site.queued(HELD)
        assert (await site.http.delete(f"/v1/jobs/{cancelled}")).status_code == 200
        await site.refunded(cancelled)
        await site.refunded(expired)
        await site.queued(HELD)
        stats = (await site.http.get(path)).json()
        parts = [stats[name] for name in ("active_jobs", "completed_jobs", "failed_jobs")]
        assert (stats["total_jobs"], parts) == (3, [1, 1, 1])
        paid = (await site.http.get(f"/v1/jobs/{done}/payment", headers=NEWEST)).json()["paid"]
        assert (stats["total_volume"], paid) == ("0.02", 0.02)
        assert isinstance(stats["average_completion_time"], float)
        extended = (await site.http.get(path, headers=NEWEST)).json()
        assert (extended["cancelled_jobs"], extended["expired_jobs"]) == (1, 1)
        assert {**stats, "cancelled_jobs": 1, "expired_jobs": 1} == extended
