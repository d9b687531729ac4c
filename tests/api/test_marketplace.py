"""Offers over HTTP: made, listed, accepted once a slot, taken back."""

import asyncio
import hashlib
import json
from typing import Any

import httpx
import pytest

from coordinator.jobs import JobPhase
from tests.api.market import (
    HELD,
    KIND,
    OFFER,
    OFFERS,
    PICTURES,
    V3,
    accept,
    ended,
    job_of,
    listed,
    listed_of,
    offer,
    raw,
    refused,
)
from tests.api.node_site import NodeSite
from tests.api.site import MINER, REGISTRATION, Site


@pytest.fixture
async def market(site: Site) -> Site:
    """Return a site with the documents' miner."""
    assert (await site.register()).status_code == 201
    return site


@pytest.fixture
async def node_market(node_site: NodeSite) -> NodeSite:
    """Return a client of a node, and its miner."""
    assert (await node_site.register()).status_code == 201
    return node_site


# ---------------------------------------------------------------- making and listing


@pytest.mark.row("2024-01-01.000.offers.create")
async def test_the_documented_body_makes_an_active_offer(node_market: NodeSite) -> None:
    made = await node_market.http.post(OFFERS, json=OFFER)
    assert made.status_code == 201
    body = made.json()
    assert set(body) == {"offer_id", "miner_id", "status", "created_at"}
    assert (body["miner_id"], body["status"]) == (node_market.miner, "active")
    assert made.headers["aitbc-version"] == "2024-01-01"
    assert made.headers["location"] == f"{OFFERS}/{body['offer_id']}"
    details = (await node_market.http.get(made.headers["location"])).json()
    assert details["requirements"] == OFFER["requirements"]
    assert (details["max_jobs"], details["jobs_left"]) == (10, 10)
    assert details["created_at"] == body["created_at"]
    document = b'{"min_cpu":"2000m","min_gpu_memory":"4Gi"}'
    assert details["requirements_digest"] == hashlib.sha256(document).hexdigest()


@pytest.mark.row("2024-01-01.000.offers.list", "2024-01-01.000.error.offer-not-available")
async def test_the_list_has_open_offers_only_with_the_documented_fields(
    node_market: NodeSite,
) -> None:
    kept, taken, gone = [await offer(node_market, max_jobs=1) for _ in range(3)]
    brief = await offer(node_market, duration=1)
    job_id = (await node_market.submit(HELD))["job_id"]
    assert (await accept(node_market, taken, job_id)).status_code == 200
    withdrawn = await node_market.http.delete(f"{OFFERS}/{gone}")
    assert (withdrawn.status_code, withdrawn.json()["status"]) == (200, "withdrawn")
    await ended(node_market, brief)
    (only,) = await listed_of(node_market)
    assert only == {
        "offer_id": kept,
        "miner_id": node_market.miner,
        "job_type": "llm_inference",
        "price": "0.001",
        "reputation": 0.0,
    }
    assert (await node_market.http.get(f"{OFFERS}/{brief}")).json()["status"] == "expired"
    assert (await node_market.http.get(f"{OFFERS}/{taken}")).json()["status"] == "exhausted"
    late = (await node_market.submit(HELD))["job_id"]
    for offer_id in (brief, taken, gone):
        refusal = await accept(node_market, offer_id, late)
        assert refused(refusal) == (410, "OFFER_NOT_AVAILABLE")


@pytest.mark.row("2024-01-01.000.offers.list.job_type")
async def test_the_list_is_filtered_by_the_kind_of_job(node_market: NodeSite) -> None:
    wanted = await offer(node_market, job_type="kind-of-the-filter")
    other = await offer(node_market)
    found = await listed(node_market, job_type="kind-of-the-filter")
    assert [each["offer_id"] for each in found] == [wanted]
    for spelling in ("llm_inference", "llm-inference"):
        assert [o["offer_id"] for o in await listed_of(node_market, job_type=spelling)] == [other]
    assert await listed(node_market, job_type="nothing") == []


@pytest.mark.row("2024-01-01.000.offers.list.max_price")
async def test_the_highest_price_is_compared_as_an_exact_decimal(node_market: NodeSite) -> None:
    prices = ("0.100000001", "0.1", "0.099999999", "12.00")
    for price in prices:
        await offer(node_market, price=price)
    found = await listed_of(node_market, max_price="0.1")
    assert [each["price"] for each in found] == ["0.099999999", "0.10"]
    assert len(await listed_of(node_market, max_price="0.10")) == 2
    assert len(await listed_of(node_market, max_price="0.100000001")) == 3
    assert len(await listed_of(node_market, max_price="9007199254.740993")) == 4
    for wrong in ("-1", "1e3", "NaN", "0.1234567891", "٣"):
        answered = await node_market.http.get(OFFERS, params={"max_price": wrong})
        assert refused(answered) == (400, "VALIDATION_ERROR")


@pytest.mark.row("2024-01-01.000.offers.list.limit", "2024-01-01.000.offers.list.limit-default")
async def test_the_list_has_fifty_offers_or_the_limit_and_links_to_the_rest(
    node_market: NodeSite,
) -> None:
    made = [
        await offer(node_market, price=f"0.{number % 3 + 1}", job_type=KIND) for number in range(53)
    ]
    assert len(await listed(node_market)) == 50
    assert len(await listed(node_market, job_type=KIND)) == 50
    assert len(await listed(node_market, limit="1")) == 1
    assert len(await listed(node_market, limit="1000", job_type=KIND)) == 53
    for wrong in ("0", "-1", "many"):
        answered = await node_market.http.get(OFFERS, params={"limit": wrong})
        assert refused(answered) == (400, "VALIDATION_ERROR")
    seen: list[dict[str, Any]] = []
    path: str | None = f"{OFFERS}?limit=20&job_type={KIND}"
    while path is not None:
        page = await node_market.http.get(path)
        seen += page.json()["offers"]
        path = page.links.get("next", {}).get("url")
    assert sorted(each["offer_id"] for each in seen) == sorted(made)
    assert [each["price"] for each in seen] == sorted(each["price"] for each in seen)
    unknown = await node_market.http.get(OFFERS, params={"cursor": "o1-x"})
    assert refused(unknown) == (400, "VALIDATION_ERROR")


async def test_an_offer_is_the_keys_own_miners(site: Site) -> None:
    assert refused(await site.http.post(OFFERS, json=OFFER)) == (400, "MINER_NOT_REGISTERED")
    for name in ("one", "two"):
        await site.http.post("/v1/miners/register", json={**REGISTRATION, "miner_id": name})
    which = await site.http.post(OFFERS, json=OFFER)
    assert refused(which) == (400, "VALIDATION_ERROR")
    assert which.json()["errors"][0]["pointer"] == "/miner_id"
    named = await site.http.post(OFFERS, json={**OFFER, "miner_id": "Two"})
    assert named.json()["miner_id"] == "two"
    async with site.with_key(await site.key()) as other:
        theirs = await other.post(OFFERS, json={**OFFER, "miner_id": "one"})
        assert refused(theirs) == (403, "FORBIDDEN")
        path = f"{OFFERS}/{named.json()['offer_id']}"
        assert refused(await other.delete(path)) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"price": "0.0000000001"}, "/price"),
        ({"price": None}, "/price"),
        ({"max_jobs": 0}, "/max_jobs"),
        ({"max_jobs": 1_000_001}, "/max_jobs"),
        ({"duration": 0}, "/duration"),
        ({"duration": 2_592_001}, "/duration"),
        ({"job_type": "Image Classification"}, "/job_type"),
        ({"requirements": []}, "/requirements"),
        ({"requirements": {"x": "y" * 5_000}}, "/requirements"),
        ({"capacity": 3}, "/capacity"),
    ],
)
async def test_a_wrong_offer_names_its_field(
    market: Site, change: dict[str, object], pointer: str
) -> None:
    answered = await market.http.post(OFFERS, json={**OFFER, **change})
    assert refused(answered) == (400, "VALIDATION_ERROR")
    assert answered.json()["errors"][0]["pointer"] == pointer


# ---------------------------------------------------------------- accepting


@pytest.mark.row("2024-01-01.000.offers.accept")
async def test_accepting_binds_the_job_to_the_miner_at_the_offers_price(
    node_market: NodeSite,
) -> None:
    await node_market.register(capabilities=["bound-model"])
    offer_id = await offer(node_market)
    job_id = (await node_market.submit({**HELD, "model": "bound-model", "max_price": "0.5"}))[
        "job_id"
    ]
    accepted = await accept(node_market, offer_id, job_id, bid="0.4")
    assert accepted.status_code == 200, accepted.text
    assert set(accepted.json()) == {"transaction_id", "status", "created_at"}
    assert accepted.json()["status"] == "pending"
    again = await accept(node_market, offer_id, job_id)
    assert again.json()["transaction_id"] == accepted.json()["transaction_id"]
    polled = await node_market.http.post(
        "/v1/miners/poll", json={"miner_id": node_market.miner, "wait_s": 20}
    )
    assert polled.json()["job"]["job_id"] == job_id
    assert (await job_of(node_market, job_id))["assigned_miner_id"] == node_market.miner
    assert (await node_market.claim(job_id)).status_code == 200
    assert (await node_market.complete(job_id)).status_code == 200
    await node_market.paid(job_id)
    payment = (await node_market.http.get(f"/v1/jobs/{job_id}/payment", headers=V3)).json()
    assert (payment["amount"], payment["paid"], payment["refunded"]) == (0.5, 0.001, 0.499)
    assert (await node_market.http.get(f"{OFFERS}/{offer_id}")).json()["jobs_left"] == 9


@pytest.mark.row(
    "2024-01-01.000.offers.accept.unavailable", "2024-01-01.000.error.offer-not-available"
)
async def test_of_many_clients_exactly_one_gets_the_last_slot_and_the_rest_410(
    node_market: NodeSite,
) -> None:
    offer_id = await offer(node_market, max_jobs=1)
    async with node_market.without_key() as nobody:
        made = [(await nobody.post("/v1/clients", json={})).json() for _ in range(8)]
    keys = [str(each["api_key"]) for each in made]

    async def bid(key: str) -> httpx.Response:
        async with node_market.with_key(key) as client:
            job_id = (await client.post("/v1/jobs", json=HELD)).json()["job_id"]
            ready.append(job_id)
            await together.wait()
            body = {"job_id": job_id, "bid_price": "0.001"}
            return await client.post(f"{OFFERS}/{offer_id}/accept", json=body)

    ready: list[str] = []
    together = asyncio.Barrier(len(keys))
    answers = await asyncio.gather(*map(bid, keys))
    won = [each for each in answers if each.status_code == 200]
    assert len(won) == 1
    lost = [each for each in answers if each.status_code != 200]
    assert {refused(each) for each in lost} == {(410, "OFFER_NOT_AVAILABLE")}
    assert all(each.json()["detail"].startswith("Offer is no longer available") for each in lost)
    won_job = json.loads(won[0].request.content)["job_id"]
    assert set(ready) > {won_job}
    assert (await node_market.claim(won_job)).status_code == 200
    for job_id in set(ready) - {won_job}:
        assert refused(await node_market.claim(job_id)) == (409, "JOB_NOT_CLAIMABLE")


async def test_a_bid_below_the_price_or_a_job_that_pays_less_is_refused(market: Site) -> None:
    offer_id = await offer(market, price="0.2")
    job_id = (await market.submit({**HELD, "max_price": "0.1"}))["job_id"]
    assert refused(await accept(market, offer_id, job_id, "0.199999999")) == (409, "BID_TOO_LOW")
    dear = await accept(market, offer_id, job_id, "0.2")
    assert refused(dear) == (409, "PRICE_ABOVE_MAXIMUM")
    assert (await market.http.get(f"{OFFERS}/{offer_id}")).json()["jobs_left"] == 10


async def test_only_the_callers_own_queued_job_can_be_taken_to_an_offer(market: Site) -> None:
    offer_id = await offer(market)
    unknown = f"job_{'0' * 64}"
    assert refused(await accept(market, offer_id, unknown)) == (404, "JOB_NOT_FOUND")
    missing = await accept(market, f"offer_{'0' * 64}", unknown)
    job_id = await market.queued(HELD)
    missing = await accept(market, f"offer_{'0' * 64}", job_id)
    assert refused(missing) == (404, "OFFER_NOT_FOUND")
    async with market.with_key(await market.key()) as other:
        body = {"job_id": job_id, "bid_price": "0.001"}
        theirs = await other.post(f"{OFFERS}/{offer_id}/accept", json=body)
        assert refused(theirs) == (404, "JOB_NOT_FOUND")
    running = await market.queued({"prompt": "Not held.", "model": "llama3.2"})
    assert (await market.claim(running)).status_code == 200
    assert refused(await accept(market, offer_id, running)) == (409, "JOB_ALREADY_CLAIMED")
    assert (await market.complete(running)).status_code == 200
    assert refused(await accept(market, offer_id, running)) == (409, "JOB_ALREADY_COMPLETED")
    assert (await market.http.delete(f"/v1/jobs/{job_id}")).status_code == 200
    assert refused(await accept(market, offer_id, job_id)) == (409, "JOB_ALREADY_FINISHED")


async def test_a_held_job_is_given_to_nobody_but_by_an_offer(market: Site) -> None:
    job_id = await market.queued(HELD)
    polled = await market.http.post("/v1/miners/poll", json={"miner_id": MINER, "wait_s": 0})
    assert polled.json()["job"] is None
    assert refused(await market.claim(job_id)) == (409, "JOB_NOT_CLAIMABLE")
    assert (await accept(market, await offer(market), job_id)).status_code == 200
    assert (await market.claim(job_id)).status_code == 200


async def test_a_job_may_be_created_for_an_offer_in_every_version(market: Site) -> None:
    await market.register(capabilities=["llama3.2", "python"])
    pictures = await offer(market, job_type="image-classification", max_jobs=1)
    texts = await offer(market, max_jobs=2)
    bodies = (
        {**PICTURES, "offer_id": pictures},
        {"prompt": "Two lines.", "offer_id": texts},
        {"payload": {"prompt": "Two lines."}, "offer_id": texts},
    )
    jobs = [(await market.submit(body))["job_id"] for body in bodies]
    for job_id in jobs:
        await market.world.until(raw(job_id), JobPhase.RUNNING)
    late = await market.http.post("/v1/jobs", json={"prompt": "Late.", "offer_id": texts})
    assert refused(late) == (410, "OFFER_NOT_AVAILABLE")
    unknown = await market.http.post("/v1/jobs", json={"prompt": "x", "offer_id": "offer_1"})
    assert refused(unknown) == (404, "OFFER_NOT_FOUND")
    assert (await market.http.get("/v1/jobs")).json()[0]["job_id"] == jobs[-1]


async def test_an_order_of_a_service_may_be_made_for_an_offer(market: Site) -> None:
    offer_id = await offer(market, max_jobs=1)
    order = {"prompt": "Two lines.", "model": "llama3.2", "offer_id": offer_id}
    made = await market.http.post("/v1/services/llm/inference", json=order)
    assert made.status_code == 201, made.text
    await market.world.until(raw(made.json()["job_id"]), JobPhase.RUNNING)
    payment = await market.http.get(f"/v1/jobs/{made.json()['job_id']}/payment", headers=V3)
    assert payment.json()["amount"] == 0.001
    late = await market.http.post("/v1/services/llm/inference", json=order)
    assert refused(late) == (410, "OFFER_NOT_AVAILABLE")


# ---------------------------------------------------------------- what an offer is for (S2)


async def test_an_offer_is_accepted_for_jobs_of_its_service_type_or_name_alone(
    market: Site,
) -> None:
    await market.register(capabilities=["llama3.2", "python"])
    texts = await offer(market, price="0.001")
    pictures = await offer(market, job_type="image_classification")
    of_type = await offer(market, job_type="ai-inference")
    program = await market.queued({**PICTURES, "hold": True})
    disguised = await market.queued({**PICTURES, "name": "llm_inference", "hold": True})
    text = await market.queued(HELD)
    for offer_id, job_id in ((texts, program), (texts, disguised), (pictures, text)):
        answered = await accept(market, offer_id, job_id)
        assert refused(answered) == (409, "OFFER_FOR_OTHER_JOBS"), answered.text
        assert (await market.http.get(f"{OFFERS}/{offer_id}")).json()["jobs_left"] == 10
    wrong = await market.http.post("/v1/jobs", json={**PICTURES, "offer_id": texts})
    assert refused(wrong) == (409, "OFFER_FOR_OTHER_JOBS")
    for offer_id, job_id in ((pictures, program), (of_type, disguised), (texts, text)):
        assert (await accept(market, offer_id, job_id)).status_code == 200


async def test_an_offer_is_accepted_for_what_its_miner_declared_alone(market: Site) -> None:
    offer_id = await offer(market, job_type="llm-inference")
    pictures = await offer(market, job_type="image-classification")
    no_model = await market.queued({**HELD, "model": "llama-405b"})
    big = {"payload": {"prompt": "x"}, "constraints": {"min_gpu_memory": 80}, "hold": True}
    no_service = await market.queued({**PICTURES, "hold": True})
    for wanted, job_id in (
        (offer_id, no_model),
        (offer_id, await market.queued(big)),
        (pictures, no_service),
    ):
        assert refused(await accept(market, wanted, job_id)) == (409, "JOB_NOT_FOR_MINER")
        assert (await market.http.get(f"{OFFERS}/{wanted}")).json()["jobs_left"] == 10
    created = await market.http.post("/v1/jobs", json={**PICTURES, "offer_id": pictures})
    assert refused(created) == (409, "JOB_NOT_FOR_MINER")
    assert len((await market.http.get("/v1/jobs")).json()) == 3


async def test_nobody_else_claims_an_accepted_job(market: Site) -> None:
    other = {**REGISTRATION, "miner_id": "other-miner"}
    assert (await market.http.post("/v1/miners/register", json=other)).status_code == 201
    offer_id = await offer(market, miner_id=MINER)
    job_id = await market.queued(HELD)
    assert (await accept(market, offer_id, job_id)).status_code == 200
    await market.world.quiet()
    claimed = await market.claim(job_id, miner="other-miner")
    assert refused(claimed) == (409, "JOB_ALREADY_CLAIMED")
