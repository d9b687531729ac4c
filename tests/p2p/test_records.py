"""Signed addresses of validators: which are taken, and which are not."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.hashing import Tags
from node.p2p import NodeIdentity, Role
from node.p2p.addresses import AddressInvalid, Endpoint
from node.p2p.errors import RecordForged
from node.p2p.hello import CLOCK_DIFFERENCE_MS_MAX
from node.p2p.messages import PeerRecord
from node.p2p.records import RECORD_MS, RENEW_MS, RecordBook
from tests.p2p.meeting import GENESIS, key_pair

TAGS = Tags(GENESIS)
NOW_MS = 1_790_000_000_000
READER = NodeIdentity(key_pair(0), Role.FOLLOWER)
SELLER = NodeIdentity(key_pair(1), Role.VALIDATOR)
ADDRESS = "10.0.0.1:8012"


def book(*validators: int) -> RecordBook:
    made = RecordBook(READER, TAGS, None)
    made.set_validators(frozenset(key_pair(number).public_key for number in validators))
    return made


def record(
    *,
    number: int = 1,
    address: str = ADDRESS,
    at_ms: int = NOW_MS,
    tags: Tags = TAGS,
) -> PeerRecord:
    issuer = RecordBook(NodeIdentity(key_pair(number), Role.VALIDATOR), tags, address)
    issued = issuer.renew(at_ms)
    assert issued is not None
    return issued


def test_a_record_of_a_validator_is_learnt_once_and_can_be_dialled():
    here, issued = book(1), record()
    assert here.learn(issued, NOW_MS)
    assert not here.learn(issued, NOW_MS)
    assert here.current(NOW_MS) == (issued,)
    assert [(p.key, p.endpoint) for p in here.places(NOW_MS)] == [
        (key_pair(1).public_key, Endpoint("10.0.0.1", 8012))
    ]


def test_the_later_record_holds_whatever_comes_first():
    older, newer = record(at_ms=NOW_MS), record(at_ms=NOW_MS + 1, address="10.0.0.2:1")
    for order in ([older, newer], [newer, older]):
        here = book(1)
        for issued in order:
            here.learn(issued, NOW_MS)
        assert here.current(NOW_MS) == (newer,)


def test_nobody_but_current_validators_has_a_record():
    here = book(2)
    assert not here.learn(record(), NOW_MS)
    here.set_validators(frozenset({key_pair(1).public_key}))
    assert here.learn(record(), NOW_MS)
    here.set_validators(frozenset({key_pair(2).public_key}))
    assert here.places(NOW_MS) == []


@pytest.mark.parametrize("field", ["address", "issued_ms", "expires_ms", "signature"])
def test_a_record_with_any_field_changed_is_forged(field: str):
    changes = {
        "address": "10.6.6.6:6",
        "issued_ms": NOW_MS + 1,
        "expires_ms": NOW_MS + RECORD_MS - 1,
        "signature": bytes(64),
    }
    forged = msgspec.structs.replace(record(), **{field: changes[field]})
    with pytest.raises(RecordForged) as refused:
        book(1).learn(forged, NOW_MS)
    assert refused.value.provable


def test_a_record_under_another_validators_name_is_forged():
    forged = msgspec.structs.replace(record(), key=key_pair(2).public_key)
    with pytest.raises(RecordForged):
        book(1, 2).learn(forged, NOW_MS)


def test_a_record_of_another_chain_is_forged():
    with pytest.raises(RecordForged):
        book(1).learn(record(tags=Tags(bytes(32))), NOW_MS)


def test_a_record_is_forgotten_when_it_expires():
    here = book(1)
    here.learn(record(), NOW_MS)
    assert here.places(NOW_MS + RECORD_MS - 1)
    assert here.places(NOW_MS + RECORD_MS) == []
    assert here.current(NOW_MS + RECORD_MS) == ()
    assert not book(1).learn(record(), NOW_MS + RECORD_MS)


def test_a_record_from_the_future_is_not_taken_for_ever():
    ahead = NOW_MS + CLOCK_DIFFERENCE_MS_MAX
    assert book(1).learn(record(at_ms=ahead), NOW_MS)
    assert not book(1).learn(record(at_ms=ahead + 1), NOW_MS)


def test_an_address_that_cannot_be_dialled_cannot_be_advertised():
    with pytest.raises(AddressInvalid):
        RecordBook(SELLER, TAGS, "nowhere")


def test_a_node_renews_its_own_record_every_hour_and_after_a_clock_that_went_back():
    here = RecordBook(SELLER, TAGS, ADDRESS)
    first = here.renew(NOW_MS)
    assert first is not None
    assert here.renew(NOW_MS + RENEW_MS - 1) is None
    second = here.renew(NOW_MS + RENEW_MS)
    assert second is not None
    earlier = here.renew(NOW_MS - RENEW_MS)
    assert earlier is not None
    assert first.issued_ms < second.issued_ms < earlier.issued_ms
    assert here.current(NOW_MS) == (earlier,)


def test_a_follower_and_a_validator_that_nobody_shall_dial_have_no_record():
    assert RecordBook(READER, TAGS, ADDRESS).renew(NOW_MS) is None
    assert RecordBook(SELLER, TAGS, None).renew(NOW_MS) is None


@given(st.binary(min_size=64, max_size=64), st.text(min_size=3, max_size=30))
def test_any_address_and_signature_are_forged_or_passed_over(signature: bytes, address: str):
    here = book(1)
    wild = PeerRecord(key_pair(1).public_key, address, NOW_MS, NOW_MS + RECORD_MS, signature)
    with suppress(RecordForged):
        assert not here.learn(wild, NOW_MS)
    assert here.places(NOW_MS) == []
