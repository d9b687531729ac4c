"""Times on the wire (J6)."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.http.times import TimeInvalid, format_time, parse_time, unix_seconds
from ledger.types import TIMESTAMP_MS_MAX

YEAR_10000_MS = 253_402_300_800_000


@given(st.integers(0, YEAR_10000_MS - 1))
def test_a_time_is_shown_in_whole_seconds_of_utc_and_reads_back(time_ms):
    text = format_time(time_ms)
    assert text.endswith("Z")
    assert len(text) == 20
    assert parse_time(text) == unix_seconds(time_ms) * 1000
    assert datetime.fromisoformat(text).timestamp() == unix_seconds(time_ms)


@given(st.integers(YEAR_10000_MS, TIMESTAMP_MS_MAX))
def test_a_time_after_the_year_9999_is_shown_as_its_last_second(time_ms):
    assert format_time(time_ms) == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-24T15:00:05Z", 1_769_266_805_000),
        ("2026-01-24t15:00:05z", 1_769_266_805_000),
        ("2026-01-24T17:00:05+02:00", 1_769_266_805_000),
        ("2026-01-24T09:30:05-05:30", 1_769_266_805_000),
        ("2026-01-24T15:00:05.1234567Z", 1_769_266_805_123),
        ("2026-01-24T15:00:05.5Z", 1_769_266_805_500),
    ],
)
def test_every_form_of_rfc_3339_is_read(text, time_ms):
    assert parse_time(text) == time_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-24",
        "2026-01-24T15:00:05",
        "2026-01-24 15:00:05Z",
        "2026-02-30T00:00:00Z",
        "2026-01-24T25:00:00Z",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:59",
        "٢٠٢٦-01-24T15:00:05Z",
        "2026-01-24T15:00:05Z\n",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(TimeInvalid):
        parse_time(text)
