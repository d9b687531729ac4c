"""Webhooks as their owners see them: register, change, try, look, send again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from coordinator.clients.model import Principal
from coordinator.core import Core
from coordinator.idempotency import Claim
from coordinator.values import ApiVersion
from coordinator.webhooks import backlog, store
from coordinator.webhooks.dispatcher import Dispatcher
from coordinator.webhooks.errors import (
    MessageNotFound,
    MessageSentTooOften,
    TooManyTestMessages,
    TooManyWebhooks,
    WebhookDisabled,
    WebhookNotFound,
)
from coordinator.webhooks.model import (
    Attempt,
    EventType,
    Message,
    MessageState,
    Webhook,
    WebhookStatus,
)
from coordinator.webhooks.sending import Sender
from coordinator.webhooks.signing import WebhookKeys
from coordinator.webhooks.urls import parse_url

WEBHOOKS_PER_CLIENT_MAX: Final = 20

ATTEMPTS_MAX: Final = 50
"""Sendings of one message, those that were asked for included."""

_ID_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message with its log."""

    message: Message
    """The message."""
    attempts: Sequence[Attempt]
    """Its sendings, oldest first."""


class WebhookService:
    """Registrations, and what was sent. All methods may be called at the same time."""

    def __init__(self, core: Core, sender: Sender | None = None) -> None:
        """Stand on the core.

        Args:
            core: the coordinator's parts.
            sender: sends; one of the system's by default.
        """
        self._core = core
        self._with_loopback = core.config.webhooks_to_loopback
        self._sender = sender or Sender(with_loopback=self._with_loopback)
        self.dispatcher = Dispatcher(
            core.database,
            core.vault,
            core.moments,
            core.random_bytes,
            self._sender,
            with_loopback=self._with_loopback,
            interval_s=core.config.timings.webhook_interval_s,
        )
        """Delivers."""

    def close(self) -> None:
        """Let go of what sending needs, once the dispatcher ended."""
        self._sender.close()

    async def create(
        self,
        principal: Principal,
        version: ApiVersion,
        url: str,
        events: frozenset[EventType],
        once: Claim | None = None,
    ) -> tuple[Webhook, WebhookKeys]:
        """Register a webhook; return it with its keys, this once.

        Args:
            principal: whose it will be.
            version: version in which jobs are shown to it.
            url: where to send.
            events: what it is told.
            once: claim of the request's `Idempotency-Key`.

        Raises:
            WebhookUrlRefused: messages are not sent there.
            TooManyWebhooks: the client has as many as one may.
        """
        if once is not None and once.effect is not None:
            webhook = await self.get(principal, once.effect)
            return webhook, WebhookKeys.open(self._core.vault, webhook.sealed_keys)
        parse_url(url, with_loopback=self._with_loopback)
        keys = WebhookKeys.new(self._core.random_bytes)
        webhook = Webhook(
            webhook_id=f"webhook_{self._core.random_bytes(_ID_BYTES).hex()}",
            client_id=principal.client_id,
            url=url,
            events=events,
            api_version=version,
            sealed_keys=keys.seal(self._core.vault),
            public_key=keys.public_key,
            status=WebhookStatus.ACTIVE,
            reason="",
            created_ms=self._core.moments.clock_ms(),
            failing_since_ms=None,
            seq=0,
        )
        await self._core.database.write(lambda c: _insert(c, webhook, once))
        return webhook, keys

    async def get(self, principal: Principal, webhook_id: str) -> Webhook:
        """Return a webhook of the caller.

        Raises:
            WebhookNotFound: unknown, or another client's (A3).
        """
        return await self._core.database.read(lambda c: _own(c, principal, webhook_id))

    async def list(
        self, principal: Principal, limit: int, before: int | None
    ) -> tuple[Sequence[Webhook], int | None]:
        """Return webhooks of the caller, newest first, and the place of the last if more follow.

        Args:
            principal: the caller.
            limit: most of them.
            before: place of the last one of the page before.
        """
        found = await self._core.database.read(
            lambda c: store.webhooks_of(c, principal.client_id, limit + 1, before)
        )
        return found[:limit], found[limit - 1].seq if len(found) > limit else None

    async def change(
        self,
        principal: Principal,
        webhook_id: str,
        *,
        url: str | None = None,
        events: frozenset[EventType] | None = None,
        status: WebhookStatus | None = None,
    ) -> Webhook:
        """Change a webhook of the caller; enabling one sends what waited.

        Args:
            principal: the caller.
            webhook_id: the webhook.
            url: new URL.
            events: new subscription.
            status: whether messages are sent.

        Raises:
            WebhookNotFound: unknown, or another client's.
            WebhookUrlRefused: messages are not sent there.
        """
        if url is not None:
            parse_url(url, with_loopback=self._with_loopback)
        now_ms = self._core.moments.clock_ms()

        def work(connection: Connection) -> Webhook:
            _own(connection, principal, webhook_id)
            if url is not None:
                store.set_webhook(connection, webhook_id, url=url)
            if events is not None:
                store.set_events(connection, webhook_id, events)
            if status is not None:
                values = {"status": status.value, "reason": "", "failing_since_ms": None}
                store.set_webhook(connection, webhook_id, **values)
            if status is WebhookStatus.ACTIVE:
                store.let_go(connection, webhook_id, now_ms)
            elif status is WebhookStatus.DISABLED:
                store.hold(connection, webhook_id)
            return _own(connection, principal, webhook_id)

        changed = await self._core.database.write(work)
        self.dispatcher.kick()
        return changed

    async def delete(self, principal: Principal, webhook_id: str) -> None:
        """Delete a webhook of the caller, with its messages: some now, the rest within minutes.

        Raises:
            WebhookNotFound: unknown, or another client's.
        """

        def work(connection: Connection) -> None:
            _own(connection, principal, webhook_id)
            backlog.delete_webhook(connection, webhook_id)

        await self._core.database.write(work)

    async def test(self, principal: Principal, webhook_id: str) -> Delivery:
        """Send a message that tells nothing, to try the receiver.

        Raises:
            WebhookNotFound: unknown, or another client's.
            WebhookDisabled: nothing is sent to it.
            TooManyTestMessages: as many as may have not arrived yet.
        """
        now_ms = self._core.moments.clock_ms()
        message_id = f"msg_{self._core.random_bytes(16).hex()}"

        def work(connection: Connection) -> Message:
            _own_active(connection, principal, webhook_id)
            if not backlog.has_room_for_test(connection, webhook_id):
                raise TooManyTestMessages
            backlog.forget_tests(connection, webhook_id)
            store.insert_message(
                connection, message_id, webhook_id, EventType.WEBHOOK_TEST, now_ms, due_ms=now_ms
            )
            return _message_of(connection, webhook_id, message_id)

        message = await self._core.database.write(work)
        self.dispatcher.kick()
        return Delivery(message, [])

    async def deliveries(
        self, principal: Principal, webhook_id: str, limit: int, before: int | None
    ) -> tuple[Sequence[Delivery], int | None]:
        """Return messages of a webhook with their log, newest first; see `list`.

        Raises:
            WebhookNotFound: unknown, or another client's.
        """

        def read(connection: Connection) -> tuple[list[Message], dict[str, list[Attempt]]]:
            _own(connection, principal, webhook_id)
            found = store.messages_of(connection, webhook_id, limit + 1, before)
            return found, store.attempts_of(connection, [item.message_id for item in found])

        found, logs = await self._core.database.read(read)
        deliveries = [Delivery(item, logs[item.message_id]) for item in found[:limit]]
        return deliveries, found[limit - 1].seq if len(found) > limit else None

    async def redeliver(self, principal: Principal, webhook_id: str, message_id: str) -> Delivery:
        """Send a message once more, whatever became of it.

        Raises:
            WebhookNotFound: unknown, or another client's.
            MessageNotFound: not a message of this webhook.
            WebhookDisabled: nothing is sent to it.
            MessageSentTooOften: it was sent as often as one may be.
        """
        now_ms = self._core.moments.clock_ms()

        def work(connection: Connection) -> Delivery:
            _own_active(connection, principal, webhook_id)
            message = _message_of(connection, webhook_id, message_id)
            if message.attempts >= ATTEMPTS_MAX:
                raise MessageSentTooOften(f"A message is sent at most {ATTEMPTS_MAX} times")
            is_pending = message.state is MessageState.PENDING
            state = message.state if is_pending else MessageState.RESENDING
            store.set_message(connection, message_id, state=state.value, due_ms=now_ms)
            log = store.attempts_of(connection, [message_id])[message_id]
            return Delivery(_message_of(connection, webhook_id, message_id), log)

        delivery = await self._core.database.write(work)
        self.dispatcher.kick()
        return delivery


def _insert(connection: Connection, webhook: Webhook, once: Claim | None) -> None:
    if store.count_webhooks(connection, webhook.client_id) >= WEBHOOKS_PER_CLIENT_MAX:
        raise TooManyWebhooks(f"A client has at most {WEBHOOKS_PER_CLIENT_MAX} webhooks")
    store.insert_webhook(connection, webhook)
    if once is not None:
        once.note(connection, webhook.webhook_id)


def _own(connection: Connection, principal: Principal, webhook_id: str) -> Webhook:
    webhook = store.find_webhook(connection, webhook_id)
    if webhook is None or webhook.client_id != principal.client_id:
        raise WebhookNotFound
    return webhook


def _own_active(connection: Connection, principal: Principal, webhook_id: str) -> Webhook:
    webhook = _own(connection, principal, webhook_id)
    if webhook.status is not WebhookStatus.ACTIVE:
        raise WebhookDisabled("Enable the webhook first: PATCH its status to `active`")
    return webhook


def _message_of(connection: Connection, webhook_id: str, message_id: str) -> Message:
    message = store.find_message(connection, message_id)
    if message is None or message.webhook_id != webhook_id:
        raise MessageNotFound
    return message
