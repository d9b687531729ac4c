"""Streams of events: read in any pieces, taken up again after the last event, never for ever."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aitbc import ApiError
from aitbc.exchange.event_stream import EventReader, ServerEvent

LINE_ENDS = ("\n", "\r\n", "\r")


def read(pieces: Iterator[bytes] | list[bytes]) -> list[ServerEvent]:
    reader = EventReader()
    return [event for piece in pieces for event in reader.feed(piece)]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *marks], [*marks, len(data)], strict=True)]


@given(
    events=st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["state", "token"]), st.text())),
    end=st.sampled_from(LINE_ENDS),
    places=st.lists(st.integers(0, 10_000), max_size=20),
)
def test_events_are_the_same_however_they_are_cut(
    events: list[tuple[int, str, str]], end: str, places: list[int]
) -> None:
    text = "".join(
        f": a comment{end}id: {number}{end}event:{kind}{end}data: {json.dumps({'text': said})}"
        f"{end}retry: 5{end}unknown{end}{end}"
        for number, kind, said in events
    )
    # A carriage return at the very end may be half of a line's end: something has to follow.
    found = read(cut(f"\ufeff{text}: end{end}:".encode(), places))
    assert [(event.event_id, event.kind, event.data) for event in found] == [
        (str(number), kind, {"text": said}) for number, kind, said in events
    ]


def test_data_of_several_lines_is_one_text_and_an_id_lasts() -> None:
    first, second = read([b'id: 7\ndata: {"a":\ndata: 1}\n\ndata: {}\n\nid: 8\n\n'])
    assert (first.event_id, first.kind, first.data) == ("7", "message", {"a": 1})
    assert (second.event_id, second.data) == ("7", {})


@pytest.mark.parametrize(
    "stream", [b"data: [1]\n\n", b"data: nonsense\n\n", b"data: " + b"x" * (4 << 20) + b"\n\n"]
)
def test_what_is_no_event_of_this_api_is_a_typed_error(stream: bytes) -> None:
    with pytest.raises(ApiError, match="UNEXPECTED_ANSWER"):
        read([stream])


def test_lines_without_end_are_not_kept() -> None:
    with pytest.raises(ApiError, match="more than"):
        read(b"data: x\n" * 10_000 for _ in range(1_000))
