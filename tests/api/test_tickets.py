"""Who may listen where no demo identity is: keys, and tickets that stand for them (V4)."""

from websockets.asyncio.client import connect

from coordinator.clients import Scope
from tests.api.listening import address, hear, refusal
from tests.api.site import Site


async def test_a_key_is_needed_where_no_demo_identity_is(closed_site: Site) -> None:
    status, body = await refusal(address(closed_site, "/ws"))
    assert (status, body["error_code"]) == (401, "AUTHENTICATION_REQUIRED")
    headers = {"Authorization": f"Bearer {await closed_site.key(Scope.READ)}"}
    async with connect(address(closed_site, "/ws"), additional_headers=headers) as socket:
        assert (await hear(socket))["type"] == "connected"


async def test_a_ticket_opens_one_stream(closed_site: Site) -> None:
    key = await closed_site.key()
    async with closed_site.with_key(key) as client:
        issued = await client.post("/v1/tickets")
    assert issued.status_code == 201
    url = address(closed_site, f"/ws?ticket={issued.json()['ticket']}")
    async with connect(url) as socket:
        assert (await hear(socket))["type"] == "connected"
    status, body = await refusal(url)
    assert (status, body["error_code"]) == (401, "INVALID_API_KEY")


async def test_a_ticket_ends_after_a_minute_and_with_its_key(closed_site: Site) -> None:
    key = await closed_site.key()
    async with closed_site.with_key(key) as client:
        late = (await client.post("/v1/tickets")).json()["ticket"]
        closed_site.world.clock.advance(60)
        assert (await refusal(address(closed_site, f"/ws?ticket={late}")))[0] == 401
        ended = (await client.post("/v1/tickets")).json()["ticket"]
        key_id = (await client.get("/v1/clients/me/keys")).json()["keys"][0]["key_id"]
        assert (await client.delete(f"/v1/clients/me/keys/{key_id}")).is_success
    assert (await refusal(address(closed_site, f"/ws?ticket={ended}")))[0] == 401


async def test_a_key_in_an_address_is_no_key(closed_site: Site) -> None:
    key = await closed_site.key()
    assert (await refusal(address(closed_site, f"/ws?api_key={key}&key={key}")))[0] == 401
