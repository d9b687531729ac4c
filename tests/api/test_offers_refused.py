"""Offers that the chain would never take: refused at once, with what would do."""

from typing import Final

import httpx
from sqlalchemy import Connection, insert, select

from coordinator.database.marketplace_tables import offers
from ledger.params import OFFERS_PER_MINER_MAX
from tests.api.site import REGISTRATION, Site

OFFERS: Final = "/v1/marketplace/offers"
OFFER: Final = {"job_type": "image-classification", "price": "0.001", "max_jobs": 10}


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error_code"]


async def test_an_offer_that_the_chain_would_never_take_is_refused_at_once(site: Site) -> None:
    await site.http.post("/v1/miners/register", json={**REGISTRATION, "price": "0.01"})
    made = await site.http.post(OFFERS, json=OFFER)
    assert refused(made) == (400, "VALIDATION_ERROR")
    (fault,) = made.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/price", "OFFER_BELOW_FLOOR")
    assert "0.01" in fault["detail"]
    assert (await site.http.post(OFFERS, json={**OFFER, "price": "0.01"})).status_code == 201


async def test_a_miner_has_no_more_open_offers_than_the_chain_takes(site: Site) -> None:
    assert (await site.register()).status_code == 201
    made = await site.http.post(OFFERS, json=OFFER)
    assert made.status_code == 201
    core = site.world.services.core
    row = await core.database.read(lambda c: c.execute(select(offers)).mappings().one())

    def copy_it(connection: Connection) -> None:
        for number in range(1, OFFERS_PER_MINER_MAX):
            copied = {**row, "seq": row["seq"] + number, "offer_id": bytes([number]) * 32}
            connection.execute(insert(offers).values(copied))

    await core.database.write(copy_it)
    assert refused(await site.http.post(OFFERS, json=OFFER)) == (409, "TOO_MANY_OFFERS")
    await site.http.delete(f"{OFFERS}/{made.json()['offer_id']}")
    assert (await site.http.post(OFFERS, json=OFFER)).status_code == 201
