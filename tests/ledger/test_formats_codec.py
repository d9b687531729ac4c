"""One byte string for each value, one value for each byte string; all else a typed error."""

from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger import block, outcomes, records, transaction
from ledger.actions import ACTION_NAMES
from ledger.block import Block, Header
from ledger.codec import Codec, encode
from ledger.errors import BytesTooLarge, CodecError, SignatureInvalid
from ledger.hashing import Tags
from ledger.keys import KeyPair
from ledger.outcomes import Outcome
from ledger.params import TRANSACTION_BYTES_MAX
from ledger.records import RECORD_CODECS
from ledger.transaction import (
    SignedTransaction,
    transaction_id,
    transaction_id_of_bytes,
    verify_signature,
)
from tests.ledger.wire_values import values_of
from tests.vectors.world import ACTIONS, TAGS, signed_transactions, transaction_of

SIGNED = values_of(SignedTransaction)
WIRE: list[tuple[Codec[Any], st.SearchStrategy[Any]]] = [
    (transaction.CODEC, SIGNED),
    (block.HEADER_CODEC, values_of(Header)),
    (block.CODEC, values_of(Block)),
    (outcomes.CODEC, values_of(Outcome)),
    *((codec, values_of(getattr(records, codec.name))) for codec in RECORD_CODECS.values()),
]


@pytest.mark.parametrize(("codec", "values"), WIRE, ids=[codec.name for codec, _ in WIRE])
@given(data=st.data())
@settings(max_examples=40)
def test_decoding_undoes_encoding(
    codec: Codec[Any], values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(values)
    assert codec.decode(encode(value)) == value


@pytest.mark.parametrize(("codec", "values"), WIRE, ids=[codec.name for codec, _ in WIRE])
@given(data=st.data())
@settings(max_examples=40)
def test_changed_bytes_are_refused_or_are_another_values_own_bytes(
    codec: Codec[Any], values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    good = encode(data.draw(values))
    at = data.draw(st.integers(0, len(good) - 1))
    cut = data.draw(st.integers(0, 2))
    changed = good[:at] + data.draw(st.binary(max_size=3)) + good[at + cut :]
    try:
        value = codec.decode(changed)
    except CodecError:
        return
    assert encode(value) == changed


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_typed_error(data: bytes) -> None:
    for codec, _ in WIRE:
        try:
            value = codec.decode(data)
        except CodecError:
            continue
        assert encode(value) == data


@given(SIGNED)
def test_the_other_implementation_writes_the_same_bytes(signed: SignedTransaction) -> None:
    data = encode(signed)
    assert msgpack.packb(msgpack.unpackb(data)) == data


def test_oversized_input_is_not_looked_at() -> None:
    with pytest.raises(BytesTooLarge) as refusal:
        transaction.CODEC.decode(b"\xc1" * (TRANSACTION_BYTES_MAX + 1))
    assert refusal.value.size == TRANSACTION_BYTES_MAX + 1
    assert refusal.value.limit == TRANSACTION_BYTES_MAX


def test_the_largest_transaction_of_every_action_fits_its_limit() -> None:
    largest = max(len(encode(signed)) for signed in signed_transactions())
    assert largest < TRANSACTION_BYTES_MAX / 2


def test_every_action_has_a_vector() -> None:
    assert {type(action) for _, _, action in ACTIONS} == set(ACTION_NAMES)


def test_a_refusal_names_the_field() -> None:
    fields = msgpack.unpackb(encode(signed_transactions()[0]))
    fields[0][3][2] = -1
    with pytest.raises(CodecError, match=r"\$\[0\]\[3\]"):
        transaction.CODEC.decode(msgpack.packb(fields))


@pytest.mark.parametrize("changed", ["chain", "sender", "fee", "signature"])
def test_a_signature_covers_every_field_and_the_chain(changed: str) -> None:
    signed = signed_transactions()[0]
    unsigned, signature, tags = signed.transaction, signed.signature, TAGS
    if changed == "chain":
        tags = Tags(bytes(32))
    elif changed == "sender":
        unsigned = replace(unsigned, sender_public_key=KeyPair(bytes(32)).public_key)
    elif changed == "fee":
        unsigned = replace(unsigned, fee=unsigned.fee + 1)
    else:
        signature = bytes([signature[0] ^ 1]) + signature[1:]
    identifier = transaction_id(tags, unsigned)
    with pytest.raises(SignatureInvalid):
        verify_signature(tags, identifier, SignedTransaction(unsigned, signature))


def test_the_id_does_not_contain_the_signature() -> None:
    name, key, action = ACTIONS[0]
    unsigned = transaction_of(name, key, action)
    data = encode(SignedTransaction(unsigned, bytes(64)))
    assert transaction_id_of_bytes(TAGS, data) == transaction_id(TAGS, unsigned)
