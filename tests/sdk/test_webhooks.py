"""Webhooks are verified as the reference library of Standard Webhooks signs them."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from aitbc import InvalidValue, SigningKey, WebhookInvalid, verify_webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
NOW = 1_780_000_000
EVENT = {"type": "job.completed", "data": {"job_id": "job_1", "keys": 2}}
BODY = json.dumps(EVENT)
KEY = SigningKey(bytes([7]) * 32)
PUBLIC = "whpk_" + base64.b64encode(KEY.public_key).decode()


def headers_for(body: str, at: int = NOW, identity: str = "msg_1") -> dict[str, str]:
    signature = Webhook(SECRET).sign(identity, datetime.fromtimestamp(at, UTC), body)
    return {
        "Webhook-Id": identity,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": signature,
    }


def verified(headers: dict[str, str], body: bytes | str = BODY, secret: str = SECRET) -> object:
    return verify_webhook(body, headers, secret, clock=lambda: float(NOW))


@given(body=st.dictionaries(st.text(), st.integers() | st.text()).map(json.dumps))
def test_what_the_reference_library_signs_is_accepted(body: str) -> None:
    assert verified(headers_for(body), body) == json.loads(body)
    assert verified(headers_for(body), body.encode()) == json.loads(body)


def test_an_event_is_read_by_name_and_keeps_its_keys() -> None:
    event = verify_webhook(BODY, headers_for(BODY), SECRET, clock=lambda: NOW)
    assert (event.type, event.data["job_id"], event["data"]["keys"]) == (
        "job.completed",
        "job_1",
        2,
    )


def test_one_good_signature_among_several_is_enough() -> None:
    headers = headers_for(BODY)
    other = "v1," + base64.b64encode(bytes(32)).decode()
    headers["Webhook-Signature"] = f"{other} v2,x {headers['Webhook-Signature']}"
    assert verified(headers) == EVENT


def test_a_key_signs_as_well_as_a_secret() -> None:
    content = f"msg_1.{NOW}.{BODY}".encode()
    headers = headers_for(BODY)
    by_key = f"v1a,{base64.b64encode(KEY.sign(content)).decode()}"
    headers["Webhook-Signature"] = f"{headers['Webhook-Signature']} {by_key}"
    assert verified(headers, secret=PUBLIC) == EVENT
    assert verified(headers, secret=SECRET) == EVENT
    with pytest.raises(WebhookInvalid):
        verified(headers_for(BODY), secret=PUBLIC)
    headers["Webhook-Signature"] = f"v1a,{base64.b64encode(bytes(64)).decode()} v1a,AAAA"
    with pytest.raises(WebhookInvalid):
        verified(headers, secret=PUBLIC)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("Webhook-Id", "msg_2"),
        ("Webhook-Timestamp", str(NOW + 1)),
        ("Webhook-Timestamp", "soon"),
        ("Webhook-Timestamp", "١"),
        ("Webhook-Signature", "v1,"),
        ("Webhook-Signature", "v1,not base64"),
        ("Webhook-Signature", ""),
        ("Webhook-Id", ""),
    ],
)
def test_what_was_changed_is_refused(member: str, value: str) -> None:
    with pytest.raises(WebhookInvalid):
        verified(headers_for(BODY) | {member: value})


def test_another_body_or_secret_is_refused() -> None:
    with pytest.raises(WebhookInvalid):
        verified(headers_for(BODY), BODY + " ")
    other = "whsec_" + base64.b64encode(bytes(24)).decode()
    with pytest.raises(WebhookInvalid):
        verified(headers_for(BODY), secret=other)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_event_of_another_time_is_refused(seconds: int) -> None:
    assert verified(headers_for(BODY, NOW + seconds // 2)) == EVENT
    with pytest.raises(WebhookInvalid, match="too far"):
        verified(headers_for(BODY, NOW + seconds))


@pytest.mark.parametrize("secret", ["whsec_???", "whsec_", "whpk_AAAA"])
def test_a_secret_that_is_none_is_named(secret: str) -> None:
    with pytest.raises(InvalidValue, match="secret"):
        verified(headers_for(BODY), secret=secret)


def test_a_signed_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(WebhookInvalid, match="object"):
        verified(headers_for("[1]"), "[1]")
