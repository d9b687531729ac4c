"""The life of a webhook and of a key in the tables, on both engines."""

from collections import Counter

from sqlalchemy import Table, func, insert, select

from coordinator.database.idempotency_tables import idempotency_keys
from coordinator.database.webhook_tables import webhook_attempts, webhook_messages
from coordinator.idempotency import Claim, KeptAnswer, Request, forget_answers_about
from coordinator.idempotency.model import RETENTION_MS as KEYS_MS
from coordinator.idempotency.store import FORGOTTEN_MAX as KEYS_MAX
from coordinator.webhooks import EventType, MessageState, WebhookStatus
from coordinator.webhooks.backlog import BACKLOG_FULL, TESTS_KEPT_MAX
from coordinator.webhooks.schedule import RETENTION_MS as MESSAGES_MS
from coordinator.webhooks.store import FORGOTTEN_MAX as MESSAGES_MAX
from ledger.hashing import sha256
from tests.coordinator.world import CLIENT, World
from tests.webhooks.receiver import receiving

EVERY_END = frozenset({EventType.JOB_COMPLETED, EventType.JOB_CANCELLED})


async def test_messages_are_written_sent_held_listed_and_forgotten(world: World) -> None:
    webhooks = world.services.webhooks
    async with receiving(status=500) as receiver:
        made, _ = await webhooks.create(CLIENT, "2026-01-24", receiver.url, EVERY_END)
        other, _ = await webhooks.create(CLIENT, "2026-05-11", receiver.url, EVERY_END)
        jobs = [await world.job() for _ in range(3)]
        for job in jobs:
            await world.services.jobs.cancel(CLIENT, job.job_id)
        await webhooks.dispatcher.deliver_due()
        assert len(receiver.received) == 6
        await webhooks.change(CLIENT, made.webhook_id, status=WebhookStatus.DISABLED)
        await webhooks.delete(CLIENT, other.webhook_id)
        await world.pass_time(60)
        receiver.status = 204
        await webhooks.dispatcher.deliver_due()
        assert len(receiver.received) == 6
        await webhooks.change(CLIENT, made.webhook_id, status=WebhookStatus.ACTIVE)
        await webhooks.dispatcher.deliver_due()
    counted = Counter(receiver.ids)
    assert sorted(counted.values()) == [1, 1, 1, 2, 2, 2]
    newest, last = await webhooks.deliveries(CLIENT, made.webhook_id, 2, None)
    assert last is not None
    oldest, end = await webhooks.deliveries(CLIENT, made.webhook_id, 2, last)
    assert end is None
    found = [*newest, *oldest]
    assert {item.message.job_id for item in found} == {job.job_id for job in jobs}
    for item in found:
        assert item.message.state is MessageState.DELIVERED
        assert [attempt.outcome for attempt in item.attempts] == ["HTTP_ERROR", "OK"]
    await world.pass_time(MESSAGES_MS / 1_000 + 120)
    assert await webhooks.deliveries(CLIENT, made.webhook_id, 2, None) == ([], None)


async def test_a_key_is_claimed_noted_answered_and_forgotten(world: World) -> None:
    idempotency, database = world.services.idempotency, world.services.core.database
    request = Request(CLIENT.client_id, sha256(b"key"), sha256(b"request"))
    job_id = sha256(b"a job")
    claim = await idempotency.claim(request)
    assert isinstance(claim, Claim)
    await database.write(lambda c: claim.note(c, job_id.hex()))
    claim.release()
    again = await idempotency.claim(request)
    assert isinstance(again, Claim)
    assert again.effect == job_id.hex()
    answer = KeptAnswer(201, (("location", "/v1/jobs/x"),), b"{}")
    await again.keep(answer)
    again.release()
    assert await idempotency.claim(request) == answer
    await database.write(lambda c: forget_answers_about(c, [job_id]))
    third = await idempotency.claim(request)
    assert isinstance(third, Claim)
    assert third.effect == job_id.hex()
    third.release()
    world.clock.advance(KEYS_MS / 1_000 + 1)
    await idempotency.forget_old()
    fresh = await idempotency.claim(request)
    assert isinstance(fresh, Claim)
    assert fresh.effect is None
    fresh.release()


async def put_many(world: World, table: Table, rows: list[dict[str, object]]) -> None:
    await world.services.core.database.write(lambda c: c.execute(insert(table), rows))


async def count(world: World, table: Table) -> int:
    query = select(func.count()).select_from(table)
    return await world.services.core.database.read(lambda c: c.execute(query).scalar_one())


def messages(webhook_id: str, number: int, **values: object) -> list[dict[str, object]]:
    """Return rows of so many pending messages, oldest first."""
    row = {
        "webhook_id": webhook_id,
        "event": EventType.JOB_COMPLETED.value,
        "created_ms": 0,
        "state": MessageState.PENDING.value,
        "due_ms": 0,
    }
    return [row | {"message_id": f"msg_{at:07}"} | values for at in range(number)]


async def test_all_that_is_too_old_is_forgotten_at_once_however_much_it_is(world: World) -> None:
    old = [
        {"owner": "x", "key_digest": at.to_bytes(32, "big"), "fingerprint": b"", "created_ms": 0}
        for at in range(2 * KEYS_MAX + 1)
    ]
    await put_many(world, idempotency_keys, old)
    await put_many(world, webhook_messages, messages("webhook_x", 2 * MESSAGES_MAX + 1))
    await world.services.idempotency.forget_old()
    await world.services.webhooks.dispatcher.forget_old()
    assert await count(world, idempotency_keys) == 0
    assert await count(world, webhook_messages) == 0


async def webhook(world: World) -> str:
    """Register a webhook to which nothing is sent, since nobody looks for what is due."""
    url = "http://127.0.0.1:9/"
    made, _ = await world.services.webhooks.create(CLIENT, "2026-01-24", url, EVERY_END)
    return made.webhook_id


async def test_of_too_many_messages_the_oldest_are_given_up_and_the_log_says_so(
    world: World,
) -> None:
    webhooks = world.services.webhooks
    full, other = await webhook(world), await webhook(world)
    await put_many(world, webhook_messages, messages(full, 30, created_ms=world.clock()))
    await webhooks.dispatcher.bound_backlogs(pending_max=10)
    found, _ = await webhooks.deliveries(CLIENT, full, 100, None)
    given_up = [item for item in found if item.message.state is MessageState.FAILED]
    assert {item.message.message_id for item in given_up} == {f"msg_{at:07}" for at in range(20)}
    for item in given_up:
        assert item.message.due_ms is None
        assert [(log.attempt, log.outcome) for log in item.attempts] == [(1, BACKLOG_FULL)]
    assert {item.message.state for item in found[:10]} == {MessageState.PENDING}
    assert await webhooks.deliveries(CLIENT, other, 1, None) == ([], None)
    await webhooks.dispatcher.bound_backlogs(pending_max=10)
    assert await count(world, webhook_attempts) == 20


async def test_a_webhook_is_deleted_at_once_and_its_messages_in_batches(world: World) -> None:
    webhooks = world.services.webhooks
    gone, other = await webhook(world), await webhook(world)
    now_ms = world.clock()
    await put_many(world, webhook_messages, messages(gone, 2 * MESSAGES_MAX + 1, created_ms=now_ms))
    await webhooks.test(CLIENT, other)
    await webhooks.delete(CLIENT, gone)
    assert [item.webhook_id for item in (await webhooks.list(CLIENT, 9, None))[0]] == [other]
    assert await count(world, webhook_messages) == MESSAGES_MAX + 2
    await webhooks.dispatcher.forget_old()
    assert await count(world, webhook_messages) == 1


async def test_of_tests_that_came_to_an_end_only_the_newest_are_kept(world: World) -> None:
    webhook_id = await webhook(world)
    ended = {
        "created_ms": world.clock(),
        "event": EventType.WEBHOOK_TEST.value,
        "state": MessageState.DELIVERED.value,
        "due_ms": None,
    }
    rows = messages(webhook_id, TESTS_KEPT_MAX + 9, **ended)
    await put_many(world, webhook_messages, rows)
    sent = await world.services.webhooks.test(CLIENT, webhook_id)
    found, _ = await world.services.webhooks.deliveries(CLIENT, webhook_id, 100, None)
    ids = [item.message.message_id for item in found]
    assert ids == [sent.message.message_id, *(row["message_id"] for row in rows[:8:-1])]
