"""Verifies webhooks as Standard Webhooks 1.0 signs them: with a secret (v1) or a key (v1a)."""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import nacl.bindings
import nacl.exceptions

from aitbc.errors import InvalidValue, WebhookInvalid
from aitbc.json_values import Record, parse_json

WEBHOOK_TOLERANCE_S: Final = 300
"""Seconds that a webhook's time may be away from this machine's."""

_SECRET: Final = "whsec_"  # noqa: S105 - the prefix of secrets
_PUBLIC_KEY: Final = "whpk_"
_SIGNATURES_MAX: Final = 16
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


class WebhookEvent(Record):
    """What a webhook tells."""

    type: str
    """What happened, such as ``job.completed``."""
    timestamp: str
    """When, RFC 3339."""
    data: dict[str, Any]
    """What it happened to."""


def verify_webhook(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str,
    *,
    tolerance_s: float = WEBHOOK_TOLERANCE_S,
    clock: Callable[[], float] = time.time,
) -> WebhookEvent:
    """Return the event of a webhook that was signed by the holder of the secret, now.

    Events may come twice: remember ``webhook-id`` for as long as that matters.

    Args:
        body: the body exactly as it was received.
        headers: its headers; their names in any case.
        secret: ``whsec_…`` from the registration, or the node's public key ``whpk_…``.
        tolerance_s: seconds that its time may be away.
        clock: seconds since the epoch.

    Raises:
        WebhookInvalid: nobody who has the secret signed it, or its time is too far away.
        InvalidValue: the secret is none.
    """
    data = body.encode() if isinstance(body, str) else body
    named = {name.lower(): value for name, value in headers.items()}
    identity, timestamp = _required(named, "webhook-id"), _required(named, "webhook-timestamp")
    if _TIMESTAMP.fullmatch(timestamp) is None:
        raise WebhookInvalid("webhook-timestamp is no number of seconds")
    if abs(clock() - int(timestamp)) > tolerance_s:
        raise WebhookInvalid("webhook-timestamp is too far from now")
    content = f"{identity}.{timestamp}.".encode() + data
    signatures = _required(named, "webhook-signature").split(" ")[:_SIGNATURES_MAX]
    scheme, holds = _check_of(secret)
    for signature in signatures:
        named_scheme, _, text = signature.partition(",")
        if named_scheme == scheme and holds(content, _decoded(text)):
            event = parse_json(data)
            if not isinstance(event, Record):
                raise WebhookInvalid("the body is no JSON object")
            return WebhookEvent(event)
    raise WebhookInvalid("no signature is by the holder of the secret")


def _check_of(secret: str) -> tuple[str, Callable[[bytes, bytes], bool]]:
    """Return the scheme that a secret is for, and what tells whether a signature holds."""
    is_public = secret.startswith(_PUBLIC_KEY)
    try:
        key = base64.b64decode(
            secret.removeprefix(_PUBLIC_KEY if is_public else _SECRET), validate=True
        )
    except (ValueError, binascii.Error):
        raise InvalidValue("secret", "is not base64") from None
    if not key or (is_public and len(key) != nacl.bindings.crypto_sign_PUBLICKEYBYTES):
        raise InvalidValue("secret", "has the wrong size")

    def holds_by_secret(content: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(hmac.new(key, content, hashlib.sha256).digest(), signature)

    def holds_by_key(content: bytes, signature: bytes) -> bool:
        if len(signature) != nacl.bindings.crypto_sign_BYTES:
            return False
        try:
            nacl.bindings.crypto_sign_open(signature + content, key)
        except nacl.exceptions.CryptoError:
            return False
        return True

    return ("v1a", holds_by_key) if is_public else ("v1", holds_by_secret)


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise WebhookInvalid(f"{name} is missing")
    return value


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
