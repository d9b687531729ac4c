"""Sends what is due: a lane for each webhook, so that a slow receiver holds up itself alone.

What is due is in the database, and what was sent is written there after the fact. A process that
dies in between sends the same message again, under the same id: at least once, never not at all.
"""

import asyncio
import contextlib
from collections import Counter
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection

from coordinator.batches import in_batches
from coordinator.database import Database
from coordinator.jobs.views import JobViews
from coordinator.moment import Moments, RandomBytes
from coordinator.wallets import Vault
from coordinator.webhooks import backlog, outbox, store
from coordinator.webhooks.errors import WebhookUrlRefused
from coordinator.webhooks.model import Attempt, Message, MessageState, Webhook, WebhookStatus
from coordinator.webhooks.payloads import render
from coordinator.webhooks.schedule import RETENTION_MS, Outcome, reason_to_disable, retry_ms
from coordinator.webhooks.sending import Sender
from coordinator.webhooks.signing import WebhookKeys
from coordinator.webhooks.urls import parse_url
from coordinator.workers import Done
from ledger.types import TimestampMs

_log = structlog.get_logger("coordinator.webhooks")

LANES_MAX: Final = 128
"""Webhooks that are sent to at a time."""

LANES_PER_CLIENT_MAX: Final = 8
"""Those of one client, so that nobody takes all lanes."""

LANE_WIDTH: Final = 4
"""Messages of one webhook that are under way together."""


class Dispatcher:
    """Delivers messages. To be used from one event loop."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        moments: Moments,
        random_bytes: RandomBytes,
        sender: Sender,
        *,
        with_loopback: bool,
        interval_s: float,
    ) -> None:
        """Prepare; `run` sets it to work.

        Args:
            database: holds the outbox.
            vault: opens the keys of webhooks.
            moments: the time.
            random_bytes: spreads repetitions.
            sender: sends.
            with_loopback: whether webhooks may be on this machine.
            interval_s: time between two looks for what is due.
        """
        self._database = database
        self._vault = vault
        self._moments = moments
        self._random_bytes = random_bytes
        self._sender = sender
        self._with_loopback = with_loopback
        self._interval_s = interval_s
        self._views = JobViews()
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._clients: Counter[str] = Counter()
        self._under_way: set[str] = set()
        self._wake = asyncio.Event()

    def kick(self) -> None:
        """Look soon: something is due."""
        self._wake.set()

    async def run(self, done: Done) -> None:
        """Send for ever; `done` is told of each look at what is due."""
        try:
            while True:
                await self._open_lanes()
                done()
                # `wait_for` of Python 3.11 forgets a cancellation that comes with the wake.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._interval_s):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            await self._close_lanes()

    async def deliver_due(self) -> None:
        """Send what is due now, and return when each message was sent once."""
        while await self._open_lanes() or self._lanes:
            await asyncio.wait(set(self._lanes.values()))

    async def forget_old(self) -> None:
        """Forget messages past their retention, and those of deleted webhooks, in batches."""
        before_ms = self._moments.clock_ms() - RETENTION_MS
        await in_batches(
            lambda: self._database.write(lambda c: store.forget_older(c, before_ms)),
            store.FORGOTTEN_MAX,
        )
        await in_batches(lambda: self._database.write(backlog.forget_deleted), 1)

    async def bound_backlogs(self, pending_max: int = backlog.PENDING_MAX) -> None:
        """Give up the oldest messages of webhooks for which more wait than may."""
        for webhook_id in await self._database.read(lambda c: backlog.overfull(c, pending_max)):
            await in_batches(
                partial(self._give_up_some, webhook_id, pending_max), backlog.GIVEN_UP_MAX
            )

    async def _give_up_some(self, webhook_id: str, pending_max: int) -> int:
        found = await self._database.read(lambda c: backlog.too_many(c, webhook_id, pending_max))
        # How those go that are being sent is written down when it is known.
        given_up = [item for item in found if item not in self._under_way]
        now_ms = self._moments.clock_ms()
        await self._database.write(lambda c: backlog.give_up(c, given_up, now_ms))
        _log.warning("webhook_backlog_full", webhook_id=webhook_id, given_up=len(given_up))
        return len(found)

    # ------------------------------------------------------------------------------- lanes

    async def _open_lanes(self) -> int:
        """Open lanes for webhooks that have something due; return how many were opened."""
        now_ms = self._moments.clock_ms()
        # More than there are lanes: some are open already, some clients have theirs.
        due = await self._database.read(
            lambda c: store.due_webhooks(c, now_ms, now_ms - RETENTION_MS, 4 * LANES_MAX)
        )
        opened = 0
        for webhook_id, client_id in due:
            if len(self._lanes) >= LANES_MAX:
                break
            is_full = self._clients[client_id] >= LANES_PER_CLIENT_MAX
            if webhook_id not in self._lanes and not is_full:
                self._open(webhook_id, client_id)
                opened += 1
        return opened

    def _open(self, webhook_id: str, client_id: str) -> None:
        lane = asyncio.create_task(self._drain(webhook_id), name=f"webhook {webhook_id}")
        self._lanes[webhook_id] = lane
        self._clients[client_id] += 1

        def close(_: "asyncio.Task[None]") -> None:
            del self._lanes[webhook_id]
            self._clients[client_id] -= 1
            if not self._clients[client_id]:
                del self._clients[client_id]

        lane.add_done_callback(close)

    async def _close_lanes(self) -> None:
        lanes = list(self._lanes.values())
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)

    async def _drain(self, webhook_id: str) -> None:
        """Send what is due to one webhook until nothing is."""
        try:
            while True:
                webhook, due = await self._due(webhook_id)
                if webhook is None or not due:
                    return
                await asyncio.gather(*(self._deliver(webhook, message) for message in due))
        except Exception:  # noqa: BLE001 - still due, and looked at again; the others go on
            _log.exception("webhook_lane_failed", webhook_id=webhook_id)

    async def _due(self, webhook_id: str) -> tuple[Webhook | None, list[Message]]:
        now_ms = self._moments.clock_ms()

        def read(connection: Connection) -> tuple[Webhook | None, list[Message]]:
            webhook = store.find_webhook(connection, webhook_id)
            if webhook is None or webhook.status is not WebhookStatus.ACTIVE:
                return None, []
            since_ms = now_ms - RETENTION_MS
            return webhook, store.due_messages(connection, webhook_id, now_ms, since_ms, LANE_WIDTH)

        return await self._database.read(read)

    # ---------------------------------------------------------------------------- messages

    async def _deliver(self, webhook: Webhook, message: Message) -> None:
        self._under_way.add(message.message_id)
        try:
            await self._send_and_note(webhook, message)
        finally:
            self._under_way.discard(message.message_id)

    async def _send_and_note(self, webhook: Webhook, message: Message) -> None:
        body = await self._database.read(lambda c: render(c, self._views, webhook, message))
        loop = asyncio.get_running_loop()
        began_ms, began_s = self._moments.clock_ms(), loop.time()
        if body is None:
            outcome = Outcome("NOTHING_TO_TELL")
        else:
            outcome = await self._send(webhook, message, body)
        attempt = Attempt(
            attempt=message.attempts + 1,
            started_ms=began_ms,
            duration_ms=int((loop.time() - began_s) * 1_000),
            http_status=outcome.http_status,
            outcome=outcome.code,
        )
        chance = int.from_bytes(self._random_bytes(2), "big")
        await self._database.write(lambda c: self._note(c, message, attempt, outcome, chance))

    async def _send(self, webhook: Webhook, message: Message, body: str) -> Outcome:
        try:
            target = parse_url(webhook.url, with_loopback=self._with_loopback)
        except WebhookUrlRefused:
            # Registered when the configuration allowed it.
            return Outcome("ADDRESS_REFUSED")
        keys = WebhookKeys.open(self._vault, webhook.sealed_keys)
        return await self._sender.post(
            webhook.client_id,
            target,
            lambda: keys.headers(message.message_id, self._moments.clock_ms(), body),
            body.encode(),
        )

    def _note(
        self,
        connection: Connection,
        message: Message,
        attempt: Attempt,
        outcome: Outcome,
        chance: int,
    ) -> None:
        """Write down how a sending went, and what follows from it."""
        current = store.find_message(connection, message.message_id)
        webhook = store.find_webhook(connection, message.webhook_id)
        if current is None or webhook is None or current.attempts != message.attempts:
            return
        now_ms = attempt.started_ms + attempt.duration_ms
        store.insert_attempt(connection, message.message_id, attempt)
        state, due_ms = _what_follows(current, outcome, now_ms, chance)
        store.set_message(
            connection,
            message.message_id,
            attempts=attempt.attempt,
            state=state.value,
            due_ms=due_ms,
        )
        if outcome.code != "NOTHING_TO_TELL":
            _judge(connection, webhook, outcome, now_ms)


def _what_follows(
    message: Message, outcome: Outcome, now_ms: TimestampMs, chance: int
) -> tuple[MessageState, TimestampMs | None]:
    if outcome.is_delivered:
        return MessageState.DELIVERED, None
    pause_ms = retry_ms(message.attempts + 1, outcome, chance)
    is_last = message.state is MessageState.RESENDING or outcome.code == "NOTHING_TO_TELL"
    if is_last or pause_ms is None:
        return MessageState.FAILED, None
    return MessageState.PENDING, now_ms + pause_ms


def _judge(connection: Connection, webhook: Webhook, outcome: Outcome, now_ms: TimestampMs) -> None:
    """Note whether a webhook works, and disable one that does not for too long."""
    if outcome.is_delivered:
        if webhook.failing_since_ms is not None:
            store.set_webhook(connection, webhook.webhook_id, failing_since_ms=None)
        return
    since_ms = webhook.failing_since_ms if webhook.failing_since_ms is not None else now_ms
    store.set_webhook(connection, webhook.webhook_id, failing_since_ms=since_ms)
    reason = reason_to_disable(outcome, since_ms, now_ms)
    if not reason or webhook.status is WebhookStatus.DISABLED:
        return
    store.set_webhook(
        connection, webhook.webhook_id, status=WebhookStatus.DISABLED.value, reason=reason
    )
    store.hold(connection, webhook.webhook_id)
    disabled = store.find_webhook(connection, webhook.webhook_id)
    assert disabled is not None
    outbox.enqueue_disabled(connection, disabled, now_ms)
    _log.warning("webhook_disabled", webhook_id=webhook.webhook_id, reason=reason)
