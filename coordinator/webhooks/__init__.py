"""Webhooks: clients are told of the ends of their jobs, signed, at least once.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.webhooks.model import (
    Attempt,
    EventType,
    Message,
    MessageState,
    Webhook,
    WebhookStatus,
)

__all__ = [
    "Attempt",
    "EventType",
    "Message",
    "MessageState",
    "Webhook",
    "WebhookStatus",
]
