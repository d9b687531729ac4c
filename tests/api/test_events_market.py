"""What `/ws` tells of the marketplace: real offers, made, accepted and taken back."""

import pytest
from websockets.asyncio.client import connect

from tests.api import test_marketplace as marketplace
from tests.api.listening import address, hear, hear_of
from tests.api.market import HELD, accept, offer
from tests.api.node_site import NodeSite

node_market = marketplace.node_market


@pytest.mark.row("2024-01-01.000.ws.global", "2024-01-01.000.ws.global.marketplace_update")
async def test_a_new_offer_and_a_new_transaction_are_told(node_market: NodeSite) -> None:
    job_id = await node_market.queued(HELD)
    async with connect(
        address(node_market, "/ws"), additional_headers=node_market.key_header
    ) as socket:
        assert (await hear(socket))["type"] == "connected"
        offer_id = await offer(node_market)
        posted = await hear_of(socket, "marketplace_update", event="offer_posted")
        accepted_by_http = await accept(node_market, offer_id, job_id)
        assert accepted_by_http.status_code == 200, accepted_by_http.text
        accepted = await hear_of(socket, "marketplace_update", event="offer_accepted")
    assert set(posted) == {"type", "data", "seq"}
    assert posted["data"] == {
        "event": "offer_posted",
        "offer_id": offer_id,
        "miner_id": node_market.miner,
        "timestamp": posted["data"]["timestamp"],
    }
    assert (accepted["data"]["event"], accepted["data"]["offer_id"]) == ("offer_accepted", offer_id)
    assert accepted["data"]["transaction_id"] == accepted_by_http.json()["transaction_id"]
    assert accepted["seq"] > posted["seq"]
