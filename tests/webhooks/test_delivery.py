"""From the end of a job to its receiver: at least once, under one id, whatever happens between."""

import asyncio
import json
from base64 import b64decode
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from nacl.signing import VerifyKey
from standardwebhooks import Webhook as Verifier
from structlog.testing import capture_logs

from coordinator.webhooks.dispatcher import Dispatcher
from coordinator.webhooks.schedule import DISABLE_AFTER_MS, RETRY_S
from tests.api.site import Site
from tests.webhooks.receiver import Receiver, receiving

PROMPT = {"prompt": "Why is the sky blue?"}
HOUR_S = 3_600.0


async def register(site: Site, url: str, *events: str, **headers: str) -> dict[str, Any]:
    body = {"url": url, "events": list(events or ("job.completed", "job.failed"))}
    response = await site.http.post("/v1/webhooks", json=body, headers=headers)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def dispatcher(site: Site) -> Dispatcher:
    return site.world.services.webhooks.dispatcher


async def log_of(site: Site, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    found = await site.http.get(f"/v1/webhooks/{webhook['id']}/deliveries")
    listed: list[dict[str, Any]] = found.json()["deliveries"]
    return listed


async def status_of(site: Site, webhook: dict[str, Any]) -> tuple[str, str | None]:
    found = (await site.http.get(f"/v1/webhooks/{webhook['id']}")).json()
    return found["status"], found["reason"]


async def later(site: Site, seconds: float) -> None:
    """Let time pass and send what became due by then."""
    await site.world.pass_time(seconds)
    await dispatcher(site).deliver_due()


async def test_a_completed_job_is_delivered_and_signed_with_the_secret_and_the_public_key(
    site: Site, receiver: Receiver
) -> None:
    webhook = await register(site, receiver.url)
    job_id = await site.done(PROMPT, "Because of Rayleigh.")
    await dispatcher(site).deliver_due()
    (received,) = receiver.received
    content = received.content
    assert content["type"] == "job.completed"
    assert content["data"] == (await site.http.get(f"/v1/jobs/{job_id}")).json()
    assert content["data"]["result"] == "Because of Rayleigh."
    check_v1(webhook["secret"], received.headers, received.body)
    check_v1a(webhook["public_key"], received.headers, received.body)
    (delivery,) = await log_of(site, webhook)
    assert (delivery["id"], delivery["job_id"]) == (received.message_id, job_id)
    assert delivery["status"] == "delivered"
    assert [attempt["outcome"] for attempt in delivery["attempts"]] == ["OK"]


def check_v1(secret: str, headers: dict[str, str], body: bytes) -> None:
    """Check as a receiver does; the test's clock is not today's, so the time is not judged."""
    verifier = Verifier(secret)
    moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=UTC)
    expected = verifier.sign(headers["webhook-id"], moment, body.decode())
    assert expected in headers["webhook-signature"].split(" ")


def check_v1a(public_key: str, headers: dict[str, str], body: bytes) -> None:
    key = VerifyKey(b64decode(public_key.removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    texts = headers["webhook-signature"].split(" ")
    (signature,) = [text.removeprefix("v1a,") for text in texts if text.startswith("v1a,")]
    key.verify(signed, b64decode(signature))


async def test_a_job_that_fails_or_expires_is_delivered_as_failed(
    site: Site, receiver: Receiver
) -> None:
    await register(site, receiver.url)
    async with receiving() as strict:
        await register(site, strict.url, "job.failed", "job.expired")
        job_id = await site.queued(PROMPT | {"ttl_seconds": 60})
        await later(site, 61)
        await later(site, 61)
        (received,) = receiver.received
        assert received.content["type"] == "job.failed"
        assert received.content["data"]["job_id"] == job_id
        assert received.content["data"]["status"] == "failed"
        assert [item.content["type"] for item in strict.received] == ["job.expired"]


async def test_a_cancelled_job_is_told_to_whoever_asked_for_that(
    site: Site, receiver: Receiver
) -> None:
    async with receiving() as other:
        await register(site, receiver.url, "job.cancelled")
        await register(site, other.url)
        job_id = await site.queued(PROMPT)
        assert (await site.http.post(f"/v1/jobs/{job_id}/cancel")).status_code == 200
        await dispatcher(site).deliver_due()
        assert [item.content["type"] for item in receiver.received] == ["job.cancelled"]
        assert other.received == []


async def test_a_job_is_shown_in_the_version_of_the_registration(
    site: Site, receiver: Receiver
) -> None:
    newest = {"AITBC-Version": "2026-05-11"}
    webhook = await register(site, receiver.url, "job.completed", **newest)
    assert webhook["version"] == "2026-05-11"
    job_id = await site.done(PROMPT)
    await dispatcher(site).deliver_due()
    shown = (await site.http.get(f"/v1/jobs/{job_id}", headers=newest)).json()
    assert receiver.received[0].content["data"] == shown
    assert shown["state"] == "COMPLETED"


async def test_only_the_owner_of_a_job_is_told_and_only_of_what_ended_after_it_asked(
    site: Site, receiver: Receiver
) -> None:
    await site.done(PROMPT)
    await site.world.pass_time(60)
    await register(site, receiver.url)
    async with site.with_key(await site.key()) as stranger, receiving() as other:
        body = {"url": other.url, "events": ["job.completed"]}
        assert (await stranger.post("/v1/webhooks", json=body)).status_code == 201
        job_id = await site.done(PROMPT)
        await dispatcher(site).deliver_due()
        assert [item.content["data"]["job_id"] for item in receiver.received] == [job_id]
        assert other.received == []


async def test_a_receiver_that_is_down_for_an_hour_gets_everything_under_the_same_ids(
    site: Site, receiver: Receiver
) -> None:
    webhook = await register(site, receiver.url)
    receiver.status = 503
    jobs = [await site.done(PROMPT) for _ in range(3)]
    await dispatcher(site).deliver_due()
    for _ in range(12):
        await later(site, HOUR_S / 12)
    first_sent = Counter(receiver.ids)
    assert len(first_sent) == 3
    assert set(first_sent.values()) == {4}
    receiver.received.clear()
    receiver.status = 200
    await later(site, 3 * HOUR_S)
    assert sorted(receiver.ids) == sorted(first_sent)
    assert {item.content["data"]["job_id"] for item in receiver.received} == set(jobs)
    timestamps = {item.headers["webhook-timestamp"] for item in receiver.received}
    assert all(int(text) * 1_000 <= site.world.clock() for text in timestamps)
    log = await log_of(site, webhook)
    assert {len(item["attempts"]) for item in log} == {5}
    assert {item["status"] for item in log} == {"delivered"}


async def test_a_coordinator_killed_during_delivery_delivers_again_under_the_same_id(
    site: Site, receiver: Receiver
) -> None:
    await register(site, receiver.url)
    receiver.is_open.clear()
    await site.done(PROMPT)
    sending = asyncio.create_task(dispatcher(site).deliver_due())
    await receiver.until(1)
    world = site.world
    await world.services.stop()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    receiver.is_open.set()
    world.services = world.build()
    await world.start()
    await dispatcher(site).deliver_due()
    assert len(receiver.received) == 2
    assert len(set(receiver.ids)) == 1


async def test_following_the_chain_anew_tells_nothing_twice(site: Site, receiver: Receiver) -> None:
    await register(site, receiver.url)
    await site.done(PROMPT)
    await dispatcher(site).deliver_due()
    await site.world.services.core.follower.forget()
    await site.world.services.core.follower.catch_up()
    await dispatcher(site).deliver_due()
    assert len(receiver.received) == 1


async def test_a_slow_receiver_delays_nobody_else(site: Site, receiver: Receiver) -> None:
    async with receiving() as slow:
        slow.is_open.clear()
        await register(site, slow.url)
        await register(site, receiver.url)
        for _ in range(6):
            await site.done(PROMPT)
        sending = asyncio.create_task(dispatcher(site).deliver_due())
        await receiver.until(6)
        assert not slow.is_open.is_set()
        # As many as one lane holds are under way, and no more.
        await slow.until(4)
        assert len(slow.received) == 4
        slow.is_open.set()
        await sending
        assert len(slow.received) == 6


async def test_a_receiver_that_is_gone_is_left_alone_at_once(
    site: Site, receiver: Receiver
) -> None:
    async with receiving() as notices:
        webhook = await register(site, receiver.url)
        await register(site, notices.url, "webhook.disabled")
        receiver.status = 410
        await site.done(PROMPT)
        await dispatcher(site).deliver_due()
        assert await status_of(site, webhook) == ("disabled", "gone")
        await site.done(PROMPT)
        await later(site, HOUR_S)
        assert len(receiver.received) == 1
        (notice,) = notices.received
        assert notice.content["type"] == "webhook.disabled"
        assert notice.content["data"] == {
            "id": webhook["id"],
            "url": receiver.url,
            "reason": "gone",
        }


async def test_days_of_failure_disable_a_webhook_and_enabling_it_sends_what_waited(
    site: Site, receiver: Receiver
) -> None:
    webhook = await register(site, receiver.url)
    receiver.status = 500
    await site.done(PROMPT)
    await dispatcher(site).deliver_due()
    passed = 0.0
    while (await status_of(site, webhook))[0] == "active":
        await later(site, 12 * HOUR_S)
        passed += 12 * HOUR_S
        assert passed <= sum(RETRY_S) * 2
        await site.done(PROMPT)
        await dispatcher(site).deliver_due()
    assert passed * 1_000 >= DISABLE_AFTER_MS
    assert await status_of(site, webhook) == ("disabled", "failing")
    waiting = {item["id"] for item in await log_of(site, webhook) if item["status"] == "pending"}
    assert waiting
    receiver.status = 200
    receiver.received.clear()
    enabled = await site.http.patch(f"/v1/webhooks/{webhook['id']}", json={"status": "active"})
    assert (enabled.json()["status"], enabled.json()["failing_since"]) == ("active", None)
    await dispatcher(site).deliver_due()
    assert set(receiver.ids) == waiting


async def test_content_that_was_deleted_is_not_sent_late(site: Site, receiver: Receiver) -> None:
    await register(site, receiver.url)
    receiver.status = 503
    await site.done(PROMPT, "a secret answer")
    await dispatcher(site).deliver_due()
    receiver.status = 200
    retention_s = site.world.config.timings.result_retention_ms / 1_000
    await site.world.pass_time(retention_s)
    await later(site, 0)
    assert "a secret answer" in receiver.received[0].body.decode()
    assert "a secret answer" not in receiver.received[-1].body.decode()
    assert len(receiver.received) == 2


async def test_no_secret_reaches_the_log(site: Site, receiver: Receiver) -> None:
    with capture_logs() as logs:
        webhook = await register(site, receiver.url)
        receiver.status = 410
        await site.done(PROMPT)
        await dispatcher(site).deliver_due()
    text = json.dumps(logs, default=str)
    assert "webhook_disabled" in text
    assert webhook["secret"] not in text
    assert webhook["secret"].removeprefix("whsec_") not in text
