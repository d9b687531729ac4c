"""How tests deal at the marketplace: bodies, and what they ask of offers and jobs."""

import asyncio
from typing import Any

import httpx

from tests.api.node_site import ASK_EVERY_S
from tests.api.site import Served
from tests.coordinator.world import PATIENCE_S

OFFER = {
    "job_type": "image-classification",
    "price": "0.001",
    "max_jobs": 10,
    "requirements": {"min_gpu_memory": "4Gi", "min_cpu": "2000m"},
    "duration": 3600,
}
"""The body that document 000 prints."""

OFFERS = "/v1/marketplace/offers"
HELD = {"prompt": "Two lines.", "model": "llama3.2", "hold": True}
PICTURES = {
    "name": "image-classification",
    "type": "ai-inference",
    "model": {"type": "python", "entrypoint": "model.py", "requirements": []},
    "input": {},
}
"""A job of the name for which the document's offer is."""

V3 = {"AITBC-Version": "2026-05-11"}

KIND = "kind-of-many"
"""What no other test offers."""


async def offer(site: Served, **changes: object) -> str:
    """Make an offer of jobs such as `HELD`; return its id."""
    made = await site.http.post(OFFERS, json={**OFFER, "job_type": "llm_inference", **changes})
    assert made.status_code == 201, made.text
    return str(made.json()["offer_id"])


async def accept(site: Served, offer_id: str, job_id: str, bid: str = "0.001") -> httpx.Response:
    body = {"job_id": job_id, "bid_price": bid}
    return await site.http.post(f"{OFFERS}/{offer_id}/accept", json=body)


async def listed(site: Served, **query: str) -> list[dict[str, Any]]:
    answered = await site.http.get(OFFERS, params=query)
    assert answered.status_code == 200, answered.text
    offers: list[dict[str, Any]] = answered.json()["offers"]
    return offers


async def listed_of(site: Served, **query: str) -> list[dict[str, Any]]:
    """Return the caller's miner's offers of a list."""
    found = await listed(site, limit="1000", **query)
    return [each for each in found if each["miner_id"] == site.miner]


async def ended(site: Served, offer_id: str) -> None:
    """Wait until the time of an offer is over: nothing tells of it but asking."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if (await site.http.get(f"{OFFERS}/{offer_id}")).json()["status"] != "active":
                return
            await asyncio.sleep(ASK_EVERY_S)


async def job_of(site: Served, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await site.http.get(f"/v1/jobs/{job_id}", headers=V3)).json()
    return found


def raw(text: str) -> bytes:
    """The bytes of an id on the wire."""
    return bytes.fromhex(text.partition("_")[2])


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error_code"]
