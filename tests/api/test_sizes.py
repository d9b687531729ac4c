"""Sizes of memory, processors and GPUs (S6)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.sizes import MIB_MAX, SizeInvalid, parse_gpus, parse_mib, parse_millicores


@pytest.mark.parametrize(
    ("value", "mib"),
    [
        (8, 8 * 1024),
        ("8", 8 * 1024),
        (Decimal("8.0"), 8 * 1024),
        (Decimal("0.5"), 512),
        ("24GB", 24 * 1024),
        ("24 GB", 24 * 1024),
        ("24gb", 24 * 1024),
        ("4Gi", 4096),
        ("4GiB", 4096),
        ("512Mi", 512),
        ("512MB", 512),
        ("1.5T", 1536 * 1024),
        ("0.0001G", 1),
        (0, 0),
    ],
)
def test_sizes_as_people_write_them_are_whole_mib(value, mib):
    assert parse_mib(value) == mib


@pytest.mark.parametrize(
    "value",
    ["", "GB", "-1", "+1", "1e3", "٨", "8 XB", "8GBs", " 8", "8\n", "1_0", "NaN", "1" * 13],
)
def test_other_texts_are_refused(value):
    with pytest.raises(SizeInvalid):
        parse_mib(value)


@pytest.mark.parametrize(
    "value",
    [
        -1,
        True,
        None,
        [],
        {},
        8.0,
        2**40,
        Decimal("1e99"),
        Decimal("1e999999999"),
        Decimal(-1),
        Decimal("1e-30"),
    ],
)
def test_other_values_are_refused(value):
    with pytest.raises(SizeInvalid):
        parse_mib(value)


@given(st.integers(0, MIB_MAX))
def test_every_number_of_mib_is_itself(mib):
    assert parse_mib(f"{mib}Mi") == mib


@given(st.text(max_size=12) | st.integers() | st.decimals() | st.none() | st.binary(max_size=3))
def test_any_value_is_a_size_in_range_or_refused(value):
    try:
        mib = parse_mib(value)
    except SizeInvalid:
        return
    assert 0 <= mib <= MIB_MAX


@pytest.mark.parametrize(
    ("value", "millicores"),
    [
        ("1000m", 1000),
        ("1m", 1),
        ("2", 2000),
        (2, 2000),
        (0, 0),
        (Decimal("0.5"), 500),
        ("0.001", 1),
    ],
)
def test_processors_as_people_write_them_are_thousandths_of_a_core(value, millicores):
    assert parse_millicores(value) == millicores


@pytest.mark.parametrize(
    "value",
    ["", "m", "1.5m", "-1", "1e3", "٨", "2 cores", "0.0001", -1, True, None, [], 2.0, 10**7],
)
def test_other_processors_are_refused(value):
    with pytest.raises(SizeInvalid):
        parse_millicores(value)


@pytest.mark.parametrize(("value", "gpus"), [("1", 1), (1, 1), ("0", 0), (9999, 9999)])
def test_a_number_of_gpus_is_a_whole_number(value, gpus):
    assert parse_gpus(value) == gpus


@pytest.mark.parametrize(
    "value", ["", "one", "1.0", "-1", "٨", "10000", -1, True, None, [], Decimal(1), 10**4]
)
def test_other_numbers_of_gpus_are_refused(value):
    with pytest.raises(SizeInvalid):
        parse_gpus(value)
