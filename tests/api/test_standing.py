"""Heartbeat and drain of miners over HTTP."""

from tests.api.site import MINER, Site


async def test_a_miner_drains_and_says_that_it_is_there(site: Site) -> None:
    await site.register()
    held = await site.queued({"prompt": "Hello"})
    await site.claim(held)
    beat = await site.http.post("/v1/miners/heartbeat", json={"miner_id": MINER})
    assert beat.status_code == 200
    assert beat.json()["status"] == "active"
    (job,) = beat.json()["jobs"]
    assert (job["job_id"], job["attempt"], job["heartbeat_by"]) == (held, 1, None)
    waiting = await site.queued({"prompt": "Hello"})
    drained = await site.http.post("/v1/miners/drain", json={"miner_id": MINER})
    assert drained.json()["status"] == "draining"
    refused = await site.claim(waiting)
    assert (refused.status_code, refused.json()["error_code"]) == (409, "MINER_DRAINING")
    polled = await site.http.post("/v1/miners/poll", json={"miner_id": MINER, "wait_s": 0})
    assert polled.json() == {"job": None, "reasons": {"MINER_DRAINING": 1}}
    again = await site.http.post("/v1/miners/drain", json={"miner_id": MINER, "draining": False})
    assert again.json()["status"] == "active"
    assert (await site.claim(waiting)).status_code == 200


async def test_nobody_drains_anothers_miner(site: Site) -> None:
    await site.register()
    async with site.with_key(await site.key()) as other:
        for path in ("/v1/miners/drain", "/v1/miners/heartbeat"):
            refused = await other.post(path, json={"miner_id": MINER})
            assert (refused.status_code, refused.json()["error_code"]) == (403, "FORBIDDEN")
            unknown = await other.post(path, json={"miner_id": "nobody"})
            assert (unknown.status_code, unknown.json()["error_code"]) == (404, "MINER_NOT_FOUND")
