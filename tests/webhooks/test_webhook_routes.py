"""Webhooks as their owner sees them."""

import asyncio
import uuid
from typing import Any

import pytest

from coordinator.clients import Scope
from coordinator.webhooks.backlog import TESTS_OPEN_MAX
from coordinator.webhooks.service import ATTEMPTS_MAX, WEBHOOKS_PER_CLIENT_MAX
from tests.api.site import Site
from tests.webhooks.receiver import Receiver

DOCUMENTED = {
    "url": "https://your-app.com/webhook",
    "events": ["job.completed", "job.failed"],
}
"""The body that document 004 prints."""


async def test_a_repeated_registration_is_one_webhook_with_one_secret(site: Site) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answers = [await site.http.post("/v1/webhooks", json=DOCUMENTED, headers=key) for _ in "ab"]
    assert answers[0].json() == answers[1].json()
    assert len((await site.http.get("/v1/webhooks")).json()["webhooks"]) == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": "http://your-app.com/"}, "/url"),
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"url": 5}, "/url"),
        ({"events": []}, "/events"),
        ({"events": ["job.exploded"]}, "/events/0"),
        ({"events": ["webhook.test"]}, "/events/0"),
        ({"secret": "mine"}, "/secret"),
    ],
)
async def test_a_wrong_body_is_refused_with_the_field_named(
    site: Site, change: dict[str, Any], pointer: str
) -> None:
    refused = await site.http.post("/v1/webhooks", json=DOCUMENTED | change)
    assert refused.status_code == 400
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


async def test_another_clients_webhook_is_not_found_whatever_is_done_with_it(site: Site) -> None:
    webhook = (await site.http.post("/v1/webhooks", json=DOCUMENTED)).json()["id"]
    path = f"/v1/webhooks/{webhook}"
    async with site.with_key(await site.key()) as stranger:
        for method, url, body in (
            ("GET", path, None),
            ("PATCH", path, {"status": "disabled"}),
            ("DELETE", path, None),
            ("POST", f"{path}/test", None),
            ("GET", f"{path}/deliveries", None),
            ("POST", f"{path}/deliveries/msg_1/redeliver", None),
        ):
            answer = await stranger.request(method, url, json=body)
            assert answer.status_code == 404, (method, url)
            assert answer.json()["error_code"] == "WEBHOOK_NOT_FOUND"
        assert (await stranger.get("/v1/webhooks")).json()["webhooks"] == []
    assert (await site.http.get(path)).json()["status"] == "active"


async def test_a_key_that_may_read_may_not_register(site: Site) -> None:
    async with site.with_key(await site.key(Scope.READ)) as reader:
        assert (await reader.post("/v1/webhooks", json=DOCUMENTED)).status_code == 403
        assert (await reader.get("/v1/webhooks")).status_code == 200


async def test_lists_go_on_where_a_page_ended_whatever_comes_in(site: Site) -> None:
    ids = [(await site.http.post("/v1/webhooks", json=DOCUMENTED)).json()["id"] for _ in range(5)]
    first = await site.http.get("/v1/webhooks?limit=2")
    await site.http.post("/v1/webhooks", json=DOCUMENTED)
    seen = [item["id"] for item in first.json()["webhooks"]]
    link = first.headers["link"]
    while link:
        path = link.partition(">")[0].removeprefix("<")
        page = await site.http.get(path)
        seen += [item["id"] for item in page.json()["webhooks"]]
        link = page.headers.get("link", "")
    assert seen == ids[::-1]
    cursor = first.json()["next_cursor"]
    other = f"/v1/webhooks/{ids[0]}/deliveries?cursor={cursor}"
    for path in (other, "/v1/webhooks?cursor=x", f"/v1/webhooks?cursor={cursor[:-2]}AA"):
        refused = await site.http.get(path)
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["code"] == "INVALID_CURSOR"


async def test_a_client_has_a_bounded_number_of_webhooks(site: Site) -> None:
    for _ in range(WEBHOOKS_PER_CLIENT_MAX):
        assert (await site.http.post("/v1/webhooks", json=DOCUMENTED)).status_code == 201
    refused = await site.http.post("/v1/webhooks", json=DOCUMENTED)
    assert (refused.status_code, refused.json()["error_code"]) == (409, "TOO_MANY_WEBHOOKS")


async def test_a_test_message_is_sent_at_once_and_can_be_sent_again(
    site: Site, receiver: Receiver
) -> None:
    body = {"url": receiver.url, "events": ["job.completed"]}
    webhook = (await site.http.post("/v1/webhooks", json=body)).json()["id"]
    path = f"/v1/webhooks/{webhook}"
    sent = await site.http.post(f"{path}/test")
    assert sent.status_code == 202
    (received,) = await receiver.until(1)
    assert received.message_id == sent.json()["id"]
    assert received.content["type"] == "webhook.test"
    again = await site.http.post(f"{path}/deliveries/{received.message_id}/redeliver")
    assert again.status_code == 202
    await receiver.until(2)
    assert len(set(receiver.ids)) == 1
    await site.world.services.webhooks.dispatcher.deliver_due()
    (delivery,) = (await site.http.get(f"{path}/deliveries")).json()["deliveries"]
    assert [attempt["attempt"] for attempt in delivery["attempts"]] == [1, 2]
    unknown = await site.http.post(f"{path}/deliveries/msg_0/redeliver")
    assert unknown.json()["error_code"] == "WEBHOOK_MESSAGE_NOT_FOUND"


async def test_a_message_is_not_sent_again_without_end(site: Site, receiver: Receiver) -> None:
    body = {"url": receiver.url, "events": ["job.completed"]}
    webhook = (await site.http.post("/v1/webhooks", json=body)).json()["id"]
    path = f"/v1/webhooks/{webhook}"
    message = (await site.http.post(f"{path}/test")).json()["id"]
    again = f"{path}/deliveries/{message}/redeliver"
    for count in range(1, ATTEMPTS_MAX):
        await receiver.until(count)
        await site.world.services.webhooks.dispatcher.deliver_due()
        assert (await site.http.post(again)).status_code == 202
    await receiver.until(ATTEMPTS_MAX)
    await site.world.services.webhooks.dispatcher.deliver_due()
    refused = await site.http.post(again)
    assert refused.json()["error_code"] == "WEBHOOK_MESSAGE_SENT_TOO_OFTEN"


async def test_a_disabled_webhook_is_told_nothing_until_it_is_enabled(
    site: Site, receiver: Receiver
) -> None:
    body = {"url": receiver.url, "events": ["job.cancelled"]}
    webhook = (await site.http.post("/v1/webhooks", json=body)).json()["id"]
    path = f"/v1/webhooks/{webhook}"
    disabled = await site.http.patch(path, json={"status": "disabled"})
    assert (disabled.json()["status"], disabled.json()["reason"]) == ("disabled", None)
    refused = await site.http.post(f"{path}/test")
    assert (refused.status_code, refused.json()["error_code"]) == (409, "WEBHOOK_DISABLED")
    changed = await site.http.patch(path, json={"status": "active", "events": ["job.failed"]})
    assert changed.json()["events"] == ["job.failed"]
    job_id = await site.queued({"prompt": "Hello"})
    await site.http.post(f"/v1/jobs/{job_id}/cancel")
    await site.world.services.webhooks.dispatcher.deliver_due()
    assert receiver.received == []


async def test_a_deleted_webhook_takes_its_messages_along(site: Site, receiver: Receiver) -> None:
    body = {"url": receiver.url, "events": ["job.cancelled"]}
    webhook = (await site.http.post("/v1/webhooks", json=body)).json()["id"]
    receiver.is_open.clear()
    await site.http.post(f"/v1/webhooks/{webhook}/test")
    await receiver.until(1)
    deleted = await site.http.delete(f"/v1/webhooks/{webhook}")
    assert deleted.status_code == 204
    receiver.is_open.set()
    # The sending that was under way ends, and finds nothing to write its outcome to.
    await site.world.services.webhooks.dispatcher.deliver_due()
    assert (await site.http.get(f"/v1/webhooks/{webhook}")).status_code == 404
    await asyncio.sleep(0)
    assert len(receiver.received) == 1


async def test_only_so_many_test_messages_wait_for_a_receiver_that_is_down(
    site: Site, receiver: Receiver
) -> None:
    receiver.status = 503
    body = {"url": receiver.url, "events": ["job.completed"]}
    path = f"/v1/webhooks/{(await site.http.post('/v1/webhooks', json=body)).json()['id']}/test"
    for _ in range(TESTS_OPEN_MAX):
        assert (await site.http.post(path)).status_code == 202
    refused = await site.http.post(path)
    assert (refused.status_code, refused.json()["error_code"]) == (429, "TOO_MANY_TEST_MESSAGES")
    assert int(refused.headers["retry-after"]) >= 1
    receiver.status = 204
    await site.world.pass_time(60)
    await site.world.services.webhooks.dispatcher.deliver_due()
    assert (await site.http.post(path)).status_code == 202
