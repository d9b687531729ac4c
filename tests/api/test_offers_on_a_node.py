"""Offers on a real node process, which is killed between an acceptance and its work."""

from pathlib import Path

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
