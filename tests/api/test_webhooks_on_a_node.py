"""Webhooks of a client of a running node, whose receiver is on loopback."""

from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from tests.api.document_002 import PROMPT
from tests.api.node_site import NodeSite
from tests.webhooks.receiver import receiving

DOCUMENTED = {
    "url": "https://your-app.com/webhook",
    "events": ["job.completed", "job.failed"],
}
"""The body that document 004 prints."""


@pytest.mark.row("2026-01-24.004.webhooks.register")
async def test_the_documented_body_registers_a_webhook_and_shows_its_secret_once(
    node_site: NodeSite,
) -> None:
    made = await node_site.http.post("/v1/webhooks", json=DOCUMENTED)
    assert made.status_code == 201
    body = made.json()
    assert body["url"] == DOCUMENTED["url"]
    assert body["events"] == DOCUMENTED["events"]
    assert body["status"] == "active"
    assert body["version"] == "2026-01-24"
    assert body["secret"].startswith("whsec_")
    assert body["public_key"].startswith("whpk_")
    assert made.headers["cache-control"] == "no-store"
    assert made.headers["location"] == f"/v1/webhooks/{body['id']}"
    again = (await node_site.http.get(made.headers["location"])).json()
    assert again == {name: value for name, value in body.items() if name != "secret"}
    assert (await node_site.http.delete(made.headers["location"])).status_code == 204


@pytest.mark.row(
    "2026-01-24.004.webhooks.event.job-completed", "2026-01-24.004.webhooks.event.job-failed"
)
async def test_completed_failed_and_expired_jobs_are_delivered_and_signed(
    node_site: NodeSite,
) -> None:
    await node_site.register()
    async with receiving() as receiver:
        body = {**DOCUMENTED, "url": receiver.url}
        webhook: dict[str, Any] = (await node_site.http.post("/v1/webhooks", json=body)).json()
        expired = await node_site.queued(PROMPT | {"ttl_seconds": 2})
        completed = await node_site.done(PROMPT, "Because of Rayleigh.")
        failed = await node_site.failed(PROMPT)
        received = await receiver.until(3)
        verifier = Verifier(webhook["secret"])
        told = {}
        for each in received:
            content: Any = verifier.verify(each.body, each.headers)
            told[content["data"]["job_id"]] = content
        assert told.keys() == {expired, completed, failed}
        assert told[completed]["type"] == "job.completed"
        assert told[completed]["data"]["result"] == "Because of Rayleigh."
        assert told[completed]["data"] == (await node_site.http.get(f"/v1/jobs/{completed}")).json()
        for job_id in (expired, failed):
            assert told[job_id]["type"] == "job.failed"
            assert told[job_id]["data"]["status"] == "failed"
        path = f"/v1/webhooks/{webhook['id']}"
        assert (await node_site.http.delete(path)).status_code == 204
