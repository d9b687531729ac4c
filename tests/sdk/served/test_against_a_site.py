"""Every part of the clients against a running coordinator, blocking and awaited."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aitbc import (
    AITBCClient,
    ApiError,
    AsyncAITBCClient,
    AsyncClient,
    ChainTags,
    Client,
    Conflict,
    Gone,
    JobFailed,
    JobNotFound,
    OfferNotAvailable,
    ReceiptInvalid,
    Unauthenticated,
    WebhookInvalid,
    verify_result,
    verify_webhook,
)
from tests.api.site import Site
from tests.coordinator.world import PATIENCE_S
from tests.sdk.scripted_server import Reply, in_turn, serving
from tests.sdk.ways import Heard

BOTH_WAYS = pytest.mark.parametrize("is_async", [False, True], ids=["blocking", "awaited"])
"""For what depends on waiting; of the rest one way is enough, as both run the same calls."""

Use = Callable[[Any], Any]

TIMESTAMP = "webhook-timestamp"

JOB_2024 = {"name": "greeting", "type": "llm_inference", "input": {"prompt": "Hello"}}


async def call(
    kinds: tuple[type, type], site: Site, use: Use, *, is_async: bool, key: str | None = None
) -> Any:
    """Return what a call returns: of the client that blocks in a thread, or of the other one."""
    blocking, awaited = kinds
    if is_async:
        async with awaited(site.url, key) as client:
            found = use(client)
            if isinstance(found, AsyncIterator):
                return [item async for item in found]
            assert isinstance(found, Awaitable)
            return await found

    def run() -> Any:
        with blocking(site.url, key) as client:
            found = use(client)
            return list(found) if isinstance(found, Iterator) else found

    return await asyncio.to_thread(run)


OLD = (AITBCClient, AsyncAITBCClient)
NEW = (Client, AsyncClient)


@BOTH_WAYS
async def test_a_day_of_a_client_of_2024(site: Site, is_async: bool) -> None:
    async def old(use: Use) -> Any:
        return await call(OLD, site, use, is_async=is_async)

    await site.register()
    quote = await old(lambda client: client.jobs.quote(JOB_2024))
    assert quote.is_possible
    created = await old(lambda client: client.jobs.create(JOB_2024))
    assert created.status == "submitted"
    results, _ = await asyncio.gather(
        old(lambda client: client.jobs.get_results(created.job_id)),
        site.serve_next_job("Hello back."),
    )
    assert results.results == {"output": "Hello back."}
    assert (await old(lambda client: client.jobs.get(created.job_id))).status == "completed"
    page = await old(lambda client: client.jobs.list(status="completed", type="llm_inference"))
    assert (page.total, page.jobs[0].job_id) == (1, created.job_id)
    assert len(await old(lambda client: client.jobs.iterate())) == 1
    second = await old(lambda client: client.jobs.create(JOB_2024, idempotency_key="mine"))
    again = await old(lambda client: client.jobs.create(JOB_2024, idempotency_key="mine"))
    assert second == again
    assert (await old(lambda client: client.jobs.cancel(second.job_id))).status == "cancelled"
    with pytest.raises(JobFailed, match="ended as cancelled"):
        await old(lambda client: client.jobs.get_results(second.job_id))


@BOTH_WAYS
async def test_a_day_of_a_client_of_2026(site: Site, is_async: bool) -> None:
    async def new(use: Use) -> Any:
        return await call(NEW, site, use, is_async=is_async)

    await site.register()
    payload = {"prompt": "Hello"}
    assert (await new(lambda client: client.quote_job(payload))).service == "llm_inference"
    job = await new(lambda client: client.submit_job(payload, payment_amount=0.5))
    assert (job.state, job.assigned_miner_id, job.progress) == ("QUEUED", None, None)
    result, _ = await asyncio.gather(
        new(lambda client: client.get_job_result(job.job_id)), site.serve_next_job("Back.")
    )
    assert (result.result.output, result.receipt.job_id) == ("Back.", job.job_id)
    await site.world.settled(bytes.fromhex(job.job_id.removeprefix("job_")))
    payment = await new(lambda client: client.get_payment(job.job_id))
    assert (payment.status, payment.currency, payment.amount) == ("released", "AITBC", 0.5)
    (receipt,) = await new(lambda client: client.list_receipts_of_job(job.job_id))
    assert receipt.miner_id == "my-miner-001"
    deleted = await new(lambda client: client.delete_job_data(job.job_id))
    assert (deleted.had_input, deleted.had_result) == (True, True)
    with pytest.raises(Gone):
        await new(lambda client: client.get_job_result(job.job_id))
    page = await new(lambda client: client.list_jobs(state="COMPLETED"))
    assert [each.job_id for each in page.jobs] == [job.job_id]
    assert [each.job_id for each in await new(lambda client: client.iterate_jobs())] == [job.job_id]
    with pytest.raises(JobNotFound) as refusal:
        await new(lambda client: client.get_job("job_unknown"))
    assert refusal.value.request_id


async def test_a_receipt_is_disputed_and_accepted_within_its_window(site: Site) -> None:
    async def new(use: Use) -> Any:
        return await call(NEW, site, use, is_async=False)

    await site.register()
    with pytest.raises(Conflict) as refusal:
        await new(lambda client: client.submit_job({"prompt": "x", "model": "other"}, strict=True))
    assert refusal.value.error_code == "JOB_NOT_POSSIBLE"
    job, _ = await asyncio.gather(
        new(
            lambda client: client.submit_job(
                {"prompt": "Hello"}, dispute_window_seconds=600, strict=True, wait_s=20
            )
        ),
        site.serve_next_job("Back."),
    )
    assert job.state == "COMPLETED"
    payment = await new(lambda client: client.get_payment(job.job_id))
    assert (payment.status, payment.dispute_until is None) == ("escrowed", False)
    disputed = await new(lambda client: client.dispute_receipt(job.job_id))
    assert disputed.status == "disputed"
    accepted = await new(lambda client: client.accept_receipt(job.job_id))
    assert accepted.status == "released"
    with pytest.raises(Conflict) as refusal:
        await new(lambda client: client.dispute_receipt(job.job_id, reason="RESULT_MALFORMED"))
    assert refusal.value.error_code == "RECEIPT_SETTLED"


@BOTH_WAYS
async def test_a_job_is_streamed_from_its_first_to_its_last_state(
    site: Site, is_async: bool
) -> None:
    await site.register()
    job_id = await site.queued({"payload": {"prompt": "Hello"}})
    heard = Heard()

    async def serve() -> None:
        await heard.first()
        await site.serve_next_job("Hello back.")

    def stream(client: Any) -> Any:
        return heard.all_of(client.stream_job(job_id, 60.0))

    events, _ = await asyncio.gather(call(NEW, site, stream, is_async=is_async), serve())
    states = [event.state for event in events if event.event == "state"]
    assert (states[0], states[-1]) == ("QUEUED", "COMPLETED")
    assert all(event.job_id == job_id for event in events)
    middle = events[0].event_id
    rest = await call(
        NEW, site, lambda client: client.stream_job(job_id, 60.0, since=middle), is_async=is_async
    )
    assert rest == events[1:]
    known = events[-1].event_id
    assert not await call(
        NEW, site, lambda client: client.stream_job(job_id, 60.0, since=known), is_async=is_async
    )


async def test_a_receipt_is_checked_without_trusting_the_node(site: Site) -> None:
    async def new(use: Use) -> Any:
        return await call(NEW, site, use, is_async=True)

    job_id = await site.done({"payload": {"prompt": "Hello"}}, "Hello back.")
    chain = site.world.chain
    tags = ChainTags(chain.chain_id, chain.tags.genesis_digest)
    verified = await new(lambda client: client.receipts.check(job_id, tags=tags))
    assert verified.job_id == job_id
    receipt = await new(lambda client: client.receipts.get(job_id))
    assert (receipt.receipt_id, receipt.provider) == (verified.receipt_id, "my-miner-001")
    assert await new(lambda client: client.receipts.list(provider="my-miner-001")) == [receipt]
    said = await new(lambda client: client.receipts.verify(receipt))
    assert (said.valid, said.reason) == (True, None)
    result = await new(lambda client: client.get_job_result(job_id))
    document = verify_result(tags, verified, result["proof"])
    assert isinstance(document, dict)
    assert document["text"] == "Hello back."
    with pytest.raises(ReceiptInvalid):
        verify_result(tags, verified, {**result["proof"], "document": '{"text":"Hello."}'})


async def test_services_are_found_validated_and_ordered(site: Site) -> None:
    async def old(use: Use) -> Any:
        return await call(OLD, site, use, is_async=True)

    found = await old(lambda client: client.registry.list(category="media_processing"))
    assert [service.id for service in found] == ["blender_render", "ffmpeg_transcode"]
    service = await old(lambda client: client.registry.get("llm_inference"))
    schema = await old(lambda client: client.registry.schema("llm_inference"))
    assert service.input_schema == schema
    needs = await old(lambda client: client.registry.requirements("llm_inference"))
    assert needs.service_id == "llm_inference"
    body = {"model": "llama-7b", "prompt": "Hello world", "max_tokens": 256}
    verdict = await old(lambda client: client.registry.validate("llm_inference", body))
    assert (verdict.valid, verdict.errors, verdict.warnings) == (True, [], [])
    job = await old(lambda client: client.services.llm_inference(body))
    assert (job.status, set(job)) == (
        "submitted",
        {"job_id", "status", "created_at", "estimated_completion"},
    )


async def test_files_keys_and_the_balance_of_a_client(closed_site: Site, tmp_path: Path) -> None:
    site = closed_site
    registered = await call(OLD, site, lambda client: client.me.register("a person"), is_async=True)

    async def own(use: Use, key: str = registered.api_key) -> Any:
        return await call(OLD, site, use, is_async=True, key=key)

    assert (await own(lambda client: client.me.get())).client_id == registered.client_id
    with pytest.raises(Unauthenticated):
        await call(OLD, site, lambda client: client.me.get(), is_async=True)

    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"content")
    name = await own(lambda client: client.artifacts.upload(source))
    assert name == f"sha256:{hashlib.sha256(b'content').hexdigest()}"
    assert await own(lambda client: client.artifacts.download(name, target)) == 7
    assert [each.artifact for each in await own(lambda client: client.artifacts.list())] == [name]
    await own(lambda client: client.artifacts.delete(name))
    assert await own(lambda client: client.artifacts.list()) == []

    key = await own(lambda client: client.keys.create(label="reads", scopes=["read"], budget="1.5"))
    assert (key.scopes, key.budget["amount"]) == (["read"], "1.50")
    successor = await own(lambda client: client.keys.rotate(key.key_id, overlap_seconds=0))
    assert successor.key_id != key.key_id
    await own(lambda client: client.keys.revoke(successor.key_id))
    listed = await own(lambda client: client.keys.list())
    assert {each.key_id for each in listed} >= {key.key_id, successor.key_id}
    assert (await own(lambda client: client.keys.usage(registered.key_id))).requests > 0
    with pytest.raises(Unauthenticated):
        await own(lambda client: client.me.get(), key=successor.api_key)

    balance = await own(lambda client: client.me.balance())
    assert (balance.address, balance.reserved) == (registered.address, "0.00")
    statement = await own(lambda client: client.statements.get())
    assert statement.closing_balance == statement.opening_balance == "0.00"
    assert await own(lambda client: client.statements.lines()) == []
    (sheet,) = await own(lambda client: client.statements.csv())
    assert sheet.startswith("at,")


async def test_a_statements_pages_are_read_to_the_end(site: Site) -> None:
    await site.done({"payload": {"prompt": "Hello"}})

    async def old(use: Use) -> Any:
        return await call(OLD, site, use, is_async=True)

    lines = await old(lambda client: client.statements.lines())
    assert {line.kind for line in lines if line.job_id} >= {"escrow"}
    page = await old(lambda client: client.statements.get(limit=1))
    assert (page.lines, bool(page.next_cursor)) == (lines[:1], True)
    following = await old(
        lambda client: client.statements.get(
            begin=page.period_start, end=page.period_end, limit=1, cursor=page.next_cursor
        )
    )
    assert following.lines == lines[1:2]


async def test_webhooks_are_registered_changed_and_deleted(site: Site) -> None:
    async def old(use: Use) -> Any:
        return await call(OLD, site, use, is_async=True)

    url = "https://your-app.com/webhook"
    webhook = await old(lambda client: client.webhooks.create(url))
    assert webhook.secret.startswith("whsec_")
    assert [each.id for each in await old(lambda client: client.webhooks.list())] == [webhook.id]
    changed = await old(
        lambda client: client.webhooks.change(
            webhook.id, events=["job.cancelled"], status="disabled"
        )
    )
    assert (changed.events, changed.status) == (["job.cancelled"], "disabled")
    assert await old(lambda client: client.webhooks.get(webhook.id)) == changed
    with pytest.raises(ApiError):
        await old(lambda client: client.webhooks.test(webhook.id))
    await old(lambda client: client.webhooks.change(webhook.id, status="active"))
    sent = await old(lambda client: client.webhooks.test(webhook.id))
    assert sent.type == "webhook.test"
    page = await old(lambda client: client.webhooks.deliveries(webhook.id))
    assert [each.id for each in page.deliveries] == [sent.id]
    await old(lambda client: client.webhooks.delete(webhook.id))
    assert await old(lambda client: client.webhooks.list()) == []


async def test_a_webhook_that_the_node_sent_is_verified_by_secret_and_by_key(site: Site) -> None:
    async def old(use: Use) -> Any:
        return await call(OLD, site, use, is_async=True)

    with serving(in_turn(Reply(204, b""))) as receiver:
        url = f"{receiver.url}/hook"
        webhook = await old(lambda client: client.webhooks.create(url, ["job.completed"]))
        job_id = await site.done({"payload": {"prompt": "Hello"}})
        await site.world.services.webhooks.dispatcher.deliver_due()
        (sent,) = receiver.asked
    sent_at = float({name.lower(): value for name, value in sent.headers.items()}[TIMESTAMP])
    for secret in (webhook.secret, webhook.public_key):
        event = verify_webhook(sent.body, sent.headers, secret, clock=lambda: sent_at)
        assert (event.type, event.data["job_id"]) == ("job.completed", job_id)
        with pytest.raises(WebhookInvalid):
            verify_webhook(sent.body + b" ", sent.headers, secret, clock=lambda: sent_at)


OFFER = {"job_type": "llm_inference", "price": "0.001", "max_jobs": 1, "duration": 3600}


async def test_an_offer_is_made_found_accepted_and_over(site: Site) -> None:
    async def new(use: Use) -> Any:
        return await call(NEW, site, use, is_async=True)

    await site.register()
    first = await new(lambda client: client.offers.create(**OFFER))
    second = await new(lambda client: client.offers.create(**OFFER | {"price": "0.002"}))
    assert (first.status, first.miner_id) == ("active", "my-miner-001")
    found = await new(lambda client: client.offers.list(job_type="llm_inference"))
    assert [offer.price for offer in found] == ["0.001", "0.002"]
    cheap = await new(lambda client: client.offers.list(max_price="0.0015"))
    assert [offer.offer_id for offer in cheap] == [first.offer_id]
    assert await new(lambda client: client.offers.iterate()) == found
    job = await new(lambda client: client.submit_job({"prompt": "Hello"}, hold=True))
    raw_id = bytes.fromhex(job.job_id.removeprefix("job_"))
    assert await site.world.chain.wait_final(raw_id, PATIENCE_S) is not None
    await site.world.services.core.follower.catch_up()
    accepted = await new(
        lambda client: client.offers.accept(first.offer_id, job.job_id, bid_price="0.001")
    )
    assert accepted.status in {"pending", "final"}
    other = await new(lambda client: client.submit_job({"prompt": "Hello"}, hold=True))
    await site.escrowed(other.job_id)
    with pytest.raises(OfferNotAvailable):
        await new(lambda client: client.offers.accept(first.offer_id, other.job_id))
    with pytest.raises(OfferNotAvailable):
        await new(lambda client: client.submit_job({"prompt": "Hi"}, offer_id=first.offer_id))
    withdrawn = await new(lambda client: client.offers.withdraw(second.offer_id))
    assert withdrawn.status == "withdrawn"
    assert (await new(lambda client: client.offers.get(second.offer_id))).status == "withdrawn"
    assert await new(lambda client: client.offers.list()) == []


async def test_the_network_counts_what_it_has(site: Site) -> None:
    async def old(use: Use) -> Any:
        return await call(OLD, site, use, is_async=True)

    await site.done({"payload": {"prompt": "Hello"}})
    (miner,) = await old(lambda client: client.miners.list())
    assert (await old(lambda client: client.miners.get(miner.miner_id))).status == "active"
    assert (await old(lambda client: client.miners.stats(miner.miner_id))).total_jobs == 1
    assert (await old(lambda client: client.offers.stats())).completed_jobs == 1
    assert (await old(lambda client: client.network.stats())).total_receipts == 1
