"""Every message has one frame, and every other byte string is refused by a typed error."""

from typing import get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.block import HEADER_BYTES_MAX
from ledger.params import VALIDATORS_MAX
from node.p2p.errors import (
    FrameMalformed,
    FrameNotCanonical,
    FrameRefused,
    FrameTooLarge,
    KindUnknown,
)
from node.p2p.frames import FRAME_BYTES_MAX, decode_frame, encode_frame
from node.p2p.kinds import KINDS
from node.p2p.messages import (
    ENCODED_BLOCK_BYTES_MAX,
    HEADERS_PER_RANGE_MAX,
    TRANSACTIONS_PER_BATCH_MAX,
    FinalBlock,
    Message,
    RangeAnswer,
    StatusMessage,
    TransactionsMessage,
)
from tests.p2p.some_messages import STRATEGIES, messages

KIND_TYPES = get_args(Message)


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_every_kind_has_a_row_of_its_own_number(kind: type[Message]):
    assert set(KINDS) == set(KIND_TYPES)
    assert len({row.number for row in KINDS.values()}) == len(KINDS)
    assert KINDS[kind].number not in {1, 2}, "the hello's numbers"


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_a_message_comes_back_from_its_frame(kind: type[Message]):
    @settings(max_examples=40)
    @given(STRATEGIES[kind])
    def comes_back(message: Message):
        row, decoded = decode_frame(encode_frame(message))
        assert decoded == message
        assert row is KINDS[kind]

    comes_back()


@given(st.binary(max_size=400))
@example(b"")
@example(b"\x91")
@example(b"\x92\x0a")
@example(b"\xdc\x00\x02\x0a\x90")
def test_any_bytes_are_a_message_or_a_typed_error(data: bytes):
    try:
        _, message = decode_frame(data)
    except FrameRefused:
        return
    assert encode_frame(message) == data


@given(messages, st.data())
def test_a_frame_that_is_changed_is_another_message_or_a_typed_error(
    message: Message, data: st.DataObject
):
    frame = bytearray(encode_frame(message))
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        _, decoded = decode_frame(bytes(frame))
    except FrameRefused:
        return
    assert encode_frame(decoded) == bytes(frame)


@given(messages, st.binary(min_size=1, max_size=8))
def test_bytes_behind_a_message_are_refused(message: Message, more: bytes):
    with pytest.raises(FrameRefused):
        decode_frame(encode_frame(message) + more)


@given(messages, st.data())
def test_a_frame_that_is_cut_is_refused(message: Message, data: st.DataObject):
    frame = encode_frame(message)
    with pytest.raises(FrameRefused):
        decode_frame(frame[: data.draw(st.integers(0, len(frame) - 1))])


def test_an_integer_in_more_bytes_than_it_needs_is_not_canonical():
    frame = encode_frame(StatusMessage(1, 2, 3, bytes(32)))
    longer = frame[:2] + b"\xcc\x01" + frame[3:]
    assert msgspec.msgpack.decode(longer) == msgspec.msgpack.decode(frame)
    with pytest.raises(FrameNotCanonical):
        decode_frame(longer)


def test_a_long_array_head_is_refused_though_it_holds_the_same():
    frame = encode_frame(StatusMessage(1, 2, 3, bytes(32)))
    longer = b"\xdc\x00" + bytes([frame[0] & 0x0F]) + frame[1:]
    assert msgspec.msgpack.decode(longer) == msgspec.msgpack.decode(frame)
    with pytest.raises(FrameMalformed):
        decode_frame(longer)


def test_a_kind_that_nobody_knows_is_no_provable_fault():
    with pytest.raises(KindUnknown) as refused:
        decode_frame(msgspec.msgpack.encode([127, b"from a later version"]))
    assert not refused.value.provable


@pytest.mark.parametrize("kind", KIND_TYPES)
def test_a_frame_beyond_its_kinds_limit_is_not_decoded(kind: type[Message]):
    row = KINDS[kind]
    with pytest.raises(FrameTooLarge):
        decode_frame(bytes([0x92, row.number]) + b"\x00" * row.bytes_max)


def test_a_block_of_any_size_fits_a_range_with_all_that_proves_it():
    certificate = bytes(128 + VALIDATORS_MAX * 72)
    block = FinalBlock(bytes(ENCODED_BLOCK_BYTES_MAX), certificate)
    headers = (bytes(HEADER_BYTES_MAX),) * HEADERS_PER_RANGE_MAX
    answer = RangeAnswer(2**63 - 1, (block,), headers)
    frame = encode_frame(answer)
    assert len(frame) <= FRAME_BYTES_MAX
    assert decode_frame(frame)[1] == answer


def test_a_batch_may_hold_many_transactions_or_large_ones_and_not_more():
    decode_frame(encode_frame(TransactionsMessage((b"x",) * TRANSACTIONS_PER_BATCH_MAX)))
    decode_frame(encode_frame(TransactionsMessage((bytes(1_000),) * 255)))
    with pytest.raises(FrameMalformed, match=r"length"):
        decode_frame(
            msgspec.msgpack.encode(TransactionsMessage((b"x",) * (TRANSACTIONS_PER_BATCH_MAX + 1)))
        )


def test_a_number_out_of_its_bounds_names_the_field():
    with pytest.raises(FrameMalformed, match=r"\$\[3\]"):
        decode_frame(msgspec.msgpack.encode(StatusMessage(1, 2, -1, bytes(32))))
