"""What `/ws` tells of the marketplace: real offers, made, accepted and taken back."""

import pytest
from websockets.asyncio.client import connect

from tests.api import test_marketplace as marketplace
from tests.api.listening import address, hear, hear_type
from tests.api.site import MINER, Site

market = marketplace.market


@pytest.mark.row("2024-01-01.000.ws.global", "2024-01-01.000.ws.global.marketplace_update")
async def test_a_new_offer_and_a_new_transaction_are_told(market: Site) -> None:
    job_id = await market.queued(marketplace.HELD)
    async with connect(address(market, "/ws")) as socket:
        assert (await hear(socket))["type"] == "connected"
        offer_id = await marketplace.offer(market)
        posted = await hear_type(socket, "marketplace_update")
        accepted_by_http = await marketplace.accept(market, offer_id, job_id)
        assert accepted_by_http.status_code == 200, accepted_by_http.text
        accepted = await hear_type(socket, "marketplace_update")
    assert set(posted) == {"type", "data", "seq"}
    assert posted["data"] == {
        "event": "offer_posted",
        "offer_id": offer_id,
        "miner_id": MINER,
        "timestamp": posted["data"]["timestamp"],
    }
    assert (accepted["data"]["event"], accepted["data"]["offer_id"]) == ("offer_accepted", offer_id)
    assert accepted["data"]["transaction_id"] == accepted_by_http.json()["transaction_id"]
    assert accepted["seq"] > posted["seq"]
