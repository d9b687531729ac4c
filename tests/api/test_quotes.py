"""Quotes, and what a client is told of a job that no miner can take."""

from typing import Any

import pytest

from coordinator.http.times import parse_time
from tests.api.site import MINER, Site

PROMPT = {"prompt": "Why is the sky blue?", "model": "llama3.2"}

PICTURE = {"payload": {"service": "stable_diffusion", "prompt": "A harbour in fog"}}


async def quoted(site: Site, body: dict[str, Any]) -> dict[str, Any]:
    response = await site.http.post("/v1/jobs/quote", json=body)
    assert response.status_code == 200, response.text
    quote: dict[str, Any] = response.json()
    return quote


async def balance(site: Site) -> str:
    text: str = (await quoted(site, PROMPT))["available_balance"]
    return text


async def test_a_quote_says_what_it_costs_who_can_do_it_and_when(site: Site) -> None:
    await site.register(price="0.05")
    quote = await quoted(site, PROMPT | {"max_price": "0.20"})
    assert quote["is_possible"] is True
    assert (quote["price"], quote["max_price"]) == ("0.05", "0.20")
    assert float(quote["fee"]) > 0
    assert (quote["registered_miners"], quote["eligible_miners"]) == (1, 1)
    assert quote["exclusions"] == {}
    # It was not heard of since it registered: nobody knows when it begins.
    assert (quote["ready_miners"], quote["estimated_start"]) == (0, None)
    await site.http.post("/v1/miners/poll", json={"miner_id": MINER})
    ready = await quoted(site, PROMPT)
    assert ready["ready_miners"] == 1
    assert ready["estimated_start"] < ready["estimated_completion"]


async def test_a_quote_is_what_a_submission_comes_to(site: Site) -> None:
    quote = await quoted(site, PROMPT)
    before = float(await balance(site))
    job = await site.submit(PROMPT)
    await site.escrowed(job["job_id"])
    payment = await site.http.get(f"/v1/jobs/{job['job_id']}/payment")
    assert payment.json()["amount"] == float(quote["max_price"])
    assert payment.json()["fee"] == float(quote["fee"])
    spent = before - float(await balance(site))
    assert spent == pytest.approx(float(quote["max_price"]) + float(quote["fee"]))


async def test_a_quote_of_a_job_for_an_offer_is_the_offers(site: Site) -> None:
    await site.register(price="0.05")
    await site.register(miner_id="cheap", capabilities=["llama3.2"], price="0.01")
    made = await site.http.post(
        "/v1/marketplace/offers",
        json={"job_type": "llm_inference", "price": "0.06", "miner_id": MINER},
    )
    wanted = PROMPT | {"offer_id": made.json()["offer_id"]}
    quote = await quoted(site, wanted)
    assert (quote["price"], quote["max_price"]) == ("0.06", "0.06")
    assert (quote["registered_miners"], quote["eligible_miners"]) == (2, 1)
    assert quote["exclusions"] == {"NOT_THE_OFFERS": 1}
    job = await site.submit(wanted)
    await site.escrowed(job["job_id"])
    payment = (await site.http.get(f"/v1/jobs/{job['job_id']}/payment")).json()
    assert (payment["amount"], payment["fee"]) == (0.06, float(quote["fee"]))


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"offer_id": "offer_1"}, 404, "OFFER_NOT_FOUND"),
        ({"max_price": "0.01"}, 409, "PRICE_ABOVE_MAXIMUM"),
        ({"model": "llama-405b"}, 409, "JOB_NOT_FOR_MINER"),
    ],
)
async def test_a_quote_for_an_offer_is_refused_as_its_submission_is(
    site: Site, change: dict[str, object], status: int, code: str
) -> None:
    await site.register()
    offer = {"job_type": "llm_inference", "price": "0.06"}
    made = await site.http.post("/v1/marketplace/offers", json=offer)
    wanted = PROMPT | {"offer_id": made.json()["offer_id"]} | change
    for path in ("/v1/jobs/quote", "/v1/jobs"):
        answered = await site.http.post(path, json=wanted)
        assert (answered.status_code, answered.json()["error_code"]) == (status, code)


async def test_what_a_body_asks_of_a_machine_and_nobody_declares_is_warned_of(site: Site) -> None:
    asked = {"gpu": "1", "memory": "4Gi", "cpu": "1000m"}
    body = {"type": "ai-inference", "input": {"prompt": "Hello"}, "resources": asked}
    warnings = (await quoted(site, body))["warnings"]
    assert [each.split()[0] for each in warnings] == ["/resources/cpu", "/resources/memory"]
    gpu = {**body, "resources": {"gpu": "1"}}
    assert (await quoted(site, gpu))["warnings"] == []


async def test_a_quote_keeps_nothing(site: Site) -> None:
    before = await balance(site)
    for _ in range(3):
        await quoted(site, PROMPT)
    assert await balance(site) == before
    assert (await site.http.get("/v1/jobs")).json() == []


async def test_each_miner_that_cannot_take_a_job_is_counted_by_reason(site: Site) -> None:
    await site.register(miner_id="cheap", capabilities=["llama3.2"], price="0.01")
    await site.register(miner_id="dear", capabilities=["llama3.2"], price="5.00")
    await site.register(miner_id="other", capabilities=["codellama"])
    await site.register(miner_id="video", capabilities=["ffmpeg_transcode"])
    quote = await quoted(site, PROMPT)
    assert quote["price"] == "0.01"
    assert (quote["registered_miners"], quote["eligible_miners"]) == (4, 1)
    assert quote["exclusions"] == {
        "MODEL_NOT_OFFERED": 1,
        "PRICE_TOO_LOW": 1,
        "SERVICE_NOT_OFFERED": 1,
    }


async def test_a_busy_miner_and_a_queue_move_the_start(site: Site) -> None:
    await site.register()
    first, second = await site.queued(PROMPT), await site.queued(PROMPT)
    assert (await site.claim(first)).status_code == 200
    quote = await quoted(site, PROMPT)
    assert quote["queued_ahead"] == 1
    assert second
    idle = await quoted(site, PROMPT)
    assert idle["estimated_start"] == quote["estimated_start"]
    start, done = quote["estimated_start"], quote["estimated_completion"]
    now = site.world.clock()
    assert _ms(start) - now >= 2 * (_ms(done) - _ms(start)) - 1_000


async def test_a_body_that_is_refused_is_not_quoted(site: Site) -> None:
    response = await site.http.post("/v1/jobs/quote", json={"payload": {"service": "mining"}})
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_JOB_TYPE")
    bad = {"payload": {"service": "stable_diffusion", "prompt": "x", "steps": 0}}
    response = await site.http.post("/v1/jobs/quote", json=bad)
    assert response.json()["errors"][0]["pointer"] == "/payload/steps"


async def test_a_service_that_nobody_offers_is_accepted_and_says_why_it_waits(site: Site) -> None:
    await site.register()
    quote = await quoted(site, PICTURE)
    assert (quote["is_possible"], quote["price"], quote["eligible_miners"]) == (False, None, 0)
    job = await site.submit(PICTURE)
    assert job["eligibility"] == {
        "registered_miners": 1,
        "eligible_miners": 0,
        "exclusions": {"SERVICE_NOT_OFFERED": 1},
    }
    shown = (await site.http.get(f"/v1/jobs/{job['job_id']}")).json()
    assert shown["eligibility"] == job["eligibility"]
    await site.register(miner_id="painter", capabilities=["stable_diffusion"])
    later = (await site.http.get(f"/v1/jobs/{job['job_id']}")).json()
    assert later["eligibility"]["eligible_miners"] == 1


async def test_it_is_refused_if_its_client_asks_not_to_wait(site: Site) -> None:
    await site.register()
    before = await balance(site)
    strict = {"Prefer": "handling=strict"}
    response = await site.http.post("/v1/jobs", json=PICTURE, headers=strict)
    assert (response.status_code, response.json()["error_code"]) == (409, "JOB_NOT_POSSIBLE")
    assert "SERVICE_NOT_OFFERED: 1" in response.json()["detail"]
    assert await balance(site) == before
    assert (await site.http.get("/v1/jobs")).json() == []
    possible = await site.http.post("/v1/jobs", json=PROMPT, headers=strict)
    assert possible.status_code == 201
    assert possible.headers["preference-applied"] == "handling=strict"


async def test_a_job_that_no_miner_took_expires_with_its_money_back_and_the_reason(
    site: Site,
) -> None:
    await site.register()
    job_id = await site.queued(PICTURE | {"ttl_seconds": 30, "payment_amount": "0.25"})
    await site.world.pass_time(32)
    await site.world.pass_time(1)
    await site.world.settled(bytes.fromhex(job_id.removeprefix("job_")))
    job = (await site.http.get(f"/v1/jobs/{job_id}")).json()
    assert job["state"] == "EXPIRED"
    assert job["error"] == "Job exceeded TTL without completion"
    assert job["eligibility"]["exclusions"] == {"SERVICE_NOT_OFFERED": 1}
    payment = (await site.http.get(f"/v1/jobs/{job_id}/payment")).json()
    assert (payment["status"], payment["refunded"]) == ("refunded", 0.25)


async def test_a_job_that_has_a_miner_says_nothing_of_others(site: Site) -> None:
    await site.register()
    job_id = await site.queued({"payload": PROMPT})
    assert (await site.claim(job_id)).status_code == 200
    assert "eligibility" not in (await site.http.get(f"/v1/jobs/{job_id}")).json()


def _ms(text: str) -> int:
    return parse_time(text)
