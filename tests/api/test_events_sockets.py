"""The WebSockets: everything at `/ws`, one job at `/v1/jobs/{id}/ws` (V4)."""

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from coordinator.clients import Scope
from coordinator.clients.key_ring import KeyWish
from coordinator.events import EventKind, NewEvent, record
from tests.api.listening import address, hear, hear_all, hear_of, refusal
from tests.api.node_site import NodeSite
from tests.api.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: what its tests leave behind, none of them minds."""
    return site_of_module


LLM = {"prompt": "Hello", "model": "llama3.2"}
JOB = {"payload": LLM}


# ---------------------------------------------------------------------------------- one job


@pytest.mark.row("2026-05-11.003.ws.job", "2026-05-11.003.ws.job.message")
async def test_a_job_tells_each_state_up_to_the_final_one_and_closes(node_site: NodeSite) -> None:
    await node_site.register()
    job_id = await node_site.queued(JOB)
    async with connect(
        address(node_site, f"/v1/jobs/{job_id}/ws"), additional_headers=node_site.key_header
    ) as socket:
        first = await hear(socket)
        await node_site.claim(job_id)
        running = await hear(socket)
        await node_site.complete(job_id)
        rest = await hear_all(socket)
    assert [m["state"] for m in (first, running, *rest)] == ["QUEUED", "RUNNING", "COMPLETED"]
    assert {m["job_id"] for m in (first, running, *rest)} == {job_id}
    assert set(first) == {"job_id", "state", "timestamp", "seq"}
    assert first["seq"] < running["seq"] < rest[0]["seq"]
    assert socket.close_code == 1000


async def test_a_job_that_ended_tells_its_final_state_and_closes(site: Site) -> None:
    await site.register()
    job_id = await site.done(JOB)
    async with connect(address(site, f"/api/v1/jobs/{job_id}/ws")) as socket:
        told = await hear_all(socket)
    assert [message["state"] for message in told] == ["COMPLETED"]
    assert socket.close_code == 1000


async def test_a_listener_that_comes_back_is_told_what_it_missed(site: Site) -> None:
    await site.register()
    job_id = await site.queued(JOB)
    async with connect(address(site, f"/v1/jobs/{job_id}/ws")) as socket:
        seq = (await hear(socket))["seq"]
    await site.done(JOB)
    await site.claim(job_id)
    await site.complete(job_id)
    async with connect(address(site, f"/v1/jobs/{job_id}/ws?since={seq}")) as socket:
        told = await hear_all(socket)
    assert [message["state"] for message in told] == ["RUNNING", "COMPLETED"]


@pytest.mark.parametrize(
    ("version", "member", "spelling"),
    [
        ("2024-01-01", "status", "submitted"),
        ("2026-01-24", "status", "pending"),
        ("2026-05-11", "state", "QUEUED"),
    ],
)
async def test_a_state_is_told_in_the_version_that_the_query_names(
    site: Site, version: str, member: str, spelling: str
) -> None:
    job_id = await site.queued(LLM)
    url = address(site, f"/v1/jobs/{job_id}/ws?version={version}")
    async with connect(url) as socket:
        assert (await hear(socket))[member] == spelling
        assert socket.response is not None
        assert socket.response.headers["aitbc-version"] == version


async def test_what_is_no_job_is_refused_before_the_upgrade(site: Site) -> None:
    for job_id in ("job_" + "0" * 64, "nonsense"):
        status, body = await refusal(address(site, f"/v1/jobs/{job_id}/ws"))
        assert (status, body["error_code"]) == (404, "JOB_NOT_FOUND")
        assert body["detail"] == "Job not found"


async def test_the_job_of_another_client_is_not_there(site: Site) -> None:
    job_id = await site.queued(JOB)
    headers = {"X-Api-Key": await site.key()}
    status, body = await refusal(address(site, f"/v1/jobs/{job_id}/ws"), additional_headers=headers)
    assert (status, body["error_code"]) == (404, "JOB_NOT_FOUND")


async def test_plain_http_is_told_to_upgrade(site: Site) -> None:
    job_id = await site.queued(JOB)
    for path in ("/ws", "/v1/ws", "/api/ws", f"/v1/jobs/{job_id}/ws"):
        response = await site.http.get(path)
        assert (response.status_code, response.json()["error_code"]) == (426, "UPGRADE_REQUIRED")


# ------------------------------------------------------------------------------- everything


@pytest.mark.row(
    "2024-01-01.000.ws.global",
    "2024-01-01.000.ws.global.job_update",
    "2024-01-01.000.ws.global.receipt_created",
)
@pytest.mark.parametrize("path", ["/ws", "/api/ws", "/v1/ws"])
async def test_everything_tells_of_own_jobs_and_of_receipts(node_site: NodeSite, path: str) -> None:
    await node_site.register()
    async with connect(address(node_site, path), additional_headers=node_site.key_header) as socket:
        connected = await hear(socket)
        assert connected["type"] == "connected"
        job_id = await node_site.done(JOB)
        receipt = await hear_of(socket, "receipt_created", job_id=job_id)
    async with connect(
        address(node_site, f"{path}?since={connected['seq']}"),
        additional_headers=node_site.key_header,
    ) as socket:
        again = [await hear(socket)]
        while again[-1] != receipt:
            again.append(await hear(socket))
    assert again[0]["type"] == "connected"
    updates = [message for message in again if message["type"] == "job_update"]
    assert [update["data"]["status"] for update in updates] == ["submitted", "running", "completed"]
    assert all(set(update["data"]) == {"job_id", "status", "timestamp"} for update in updates)
    assert all(set(update) == {"type", "data", "seq"} for update in updates)
    assert {update["data"]["job_id"] for update in updates} == {job_id}
    assert receipt["data"]["job_id"] == job_id
    assert receipt["data"]["receipt_id"].startswith("receipt_")
    assert receipt["data"]["miner_id"] == node_site.miner
    assert again == sorted(again, key=lambda message: message["seq"])


async def test_nobody_is_told_of_the_jobs_of_others(site: Site) -> None:
    await site.register()
    headers = {"X-Api-Key": await site.key()}
    async with connect(address(site, "/ws"), additional_headers=headers) as socket:
        assert (await hear(socket))["data"]["open_jobs"] == []
        job_id = await site.done(JOB)
        told = await hear(socket)
    assert told["type"] == "receipt_created"
    assert told["data"]["job_id"] == job_id


@pytest.mark.parametrize(("scope", "sees"), [(Scope.MINER, False), (Scope.READ, True)])
async def test_a_key_of_miners_alone_is_told_nothing_of_its_clients_jobs(
    site: Site, scope: Scope, sees: bool
) -> None:
    client = await site.key()
    clients = site.world.services.clients
    principal = await clients.authenticate(client)
    key = (await clients.keys.issue(principal, KeyWish(scopes=frozenset({scope})))).text
    headers = {"X-Api-Key": key}
    async with connect(address(site, "/ws"), additional_headers=headers) as socket:
        first = await hear(socket)
        async with site.with_key(client) as http:
            job_id = (await http.post("/v1/jobs", json=JOB)).json()["job_id"]
        await site.escrowed(job_id)
        # What everybody is told comes after it.
        await site.register()
        await site.done(JOB)
        told = [await hear(socket)]
        while told[-1]["type"] != "receipt_created":
            told.append(await hear(socket))
    assert any(m["type"] == "job_update" for m in told) == sees
    async with connect(
        address(site, f"/ws?since={first['seq']}"), additional_headers=headers
    ) as socket:
        again = [await hear(socket)]
        while again[-1]["type"] != "receipt_created":
            again.append(await hear(socket))
    assert bool(again[0]["data"]["open_jobs"]) == sees
    assert any(m["type"] == "job_update" for m in again) == sees


async def test_the_first_message_names_the_open_jobs(site: Site) -> None:
    job_id = await site.queued(JOB)
    async with connect(address(site, "/ws?version=2026-05-11")) as socket:
        first = await hear(socket)
    assert first["data"]["open_jobs"][0] == {"job_id": job_id, "state": "QUEUED"}
    assert first["data"]["has_more"] is False


async def test_a_listener_of_another_log_starts_anew(site: Site) -> None:
    async with connect(address(site, "/ws?since=1000000")) as socket:
        assert (await hear(socket))["type"] == "resync"


async def test_a_public_event_goes_to_everybody_and_a_private_one_to_its_client(site: Site) -> None:
    core = site.world.services.core
    url = address(site, "/ws")
    key = {"X-Api-Key": await site.key()}
    async with connect(url) as one, connect(url, additional_headers=key) as other:
        await hear(one)
        await hear(other)
        event = NewEvent(
            EventKind.MARKETPLACE_UPDATE, 1_700_000_000_000, {"event": "posted", "offer_id": "o"}
        )
        await core.database.write(lambda c: record(c, [event]))
        core.events.hub.kick()
        for socket in (one, other):
            told = await hear(socket)
            assert told["type"] == "marketplace_update"
            assert told["data"] == {
                "event": "posted",
                "offer_id": "o",
                "timestamp": "2023-11-14T22:13:20Z",
            }


# ------------------------------------------------------------------------------- who may


async def test_a_foreign_page_cannot_listen_as_the_demo_identity(site: Site) -> None:
    status, body = await refusal(address(site, "/ws"), origin=Origin("https://evil.example"))
    assert (status, body["error_code"]) == (403, "ORIGIN_REFUSED")
    async with connect(address(site, "/ws"), origin=Origin("http://localhost:3000")) as socket:
        assert (await hear(socket))["type"] == "connected"


@pytest.mark.parametrize("query", ["since=-1", "since=x", "since=1&since=2", "version=2025-01-01"])
async def test_a_query_that_says_nothing_is_refused(site: Site, query: str) -> None:
    assert (await refusal(address(site, f"/ws?{query}")))[0] == 400
