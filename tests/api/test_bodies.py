"""JSON from outside: strict, bounded, exact, with errors that point at the field."""

import json
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from coordinator.http.bodies import (
    INTEGER_MAX,
    JSON_DEPTH_MAX,
    _object_of,
    parse_json,
    plain_json,
    typed,
)
from coordinator.http.faults import FieldInvalid, JsonMalformed

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON_VALUES, max_size=3))
def test_what_json_writes_is_read_unchanged_and_fits_canonical_json(value):
    raw = json.dumps(value).encode()
    plain = plain_json(parse_json(raw), "")
    assert plain == value
    # Canonical JSON writes 1e16 as an integer, which is the same double.
    canonical = json.loads(rfc8785.dumps(plain), parse_int=float)
    assert canonical == json.loads(raw, parse_int=float)


@given(st.binary(max_size=64))
def test_no_bytes_raise_anything_but_the_typed_error(raw):
    try:
        parse_json(raw)
    except JsonMalformed:
        return


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'\xef\xbb\xbf{"a": 1}',
        b"[1] [2]",
        b"01",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * (JSON_DEPTH_MAX + 1) + b"]" * (JSON_DEPTH_MAX + 1),
        b"1" * 65,
        b"1" * 5_000,
        b"0." + b"1" * 5_000,
        b"1e99999999999999999999",
    ],
)
def test_what_is_not_strict_json_is_refused(raw):
    with pytest.raises(JsonMalformed) as refusal:
        parse_json(raw)
    assert refusal.value.detail


class Compared(str):
    """A name that counts how often names are compared."""

    __slots__ = ()
    times = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Compared.times += 1
        return str.__eq__(self, other)


def test_the_repeated_one_of_many_names_is_found_without_comparing_each_with_each():
    members: list[tuple[str, object]] = [
        (Compared(number), None) for number in [*range(2_000), 1_999]
    ]
    Compared.times = 0
    with pytest.raises(JsonMalformed, match="'1999' is repeated"):
        _object_of(members)
    assert Compared.times < len(members)


class Written(str):
    """A pointer that counts how often it is written into another."""

    __slots__ = ()
    times = 0

    def __format__(self, form):
        Written.times += 1
        return str.__format__(self, form)


def test_a_place_is_written_out_for_an_error_alone_however_long_the_names_that_lead_to_it():
    Written.times = 0
    plain_json([0] * 1_000, Written("/payload"))
    assert Written.times == 0


def test_nesting_up_to_the_limit_is_read():
    raw = b"[" * JSON_DEPTH_MAX + b"]" * JSON_DEPTH_MAX
    assert parse_json(raw) is not None


def test_numbers_keep_their_literal():
    assert parse_json(b"1.10") == Decimal("1.10")
    assert str(parse_json(b"0.1000000000000000000001")) == "0.1000000000000000000001"


@pytest.mark.parametrize(
    "literal", [b"1e400", b"-1e400", b"1e999999999", b"9007199254740993", b"-9007199254740992"]
)
def test_a_number_that_no_double_holds_is_refused_where_it_stands(literal):
    value = parse_json(b'{"params": {"a/b": [0, ' + literal + b"]}}")
    with pytest.raises(FieldInvalid) as refusal:
        plain_json(value, "")
    assert refusal.value.faults[0].pointer == "/params/a~1b/1"


class Period(StrEnum):
    DAY = "day"
    MONTH = "month"


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    counts: list[int] = msgspec.field(default_factory=list)


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    prompt: str
    inner: Inner | None = None
    words: dict[str, int] = msgspec.field(default_factory=dict)
    roles: list[Literal["user", "system"]] = msgspec.field(default_factory=list)
    slug: Annotated[str, msgspec.Meta(pattern=r"\A[a-z]+\Z")] | None = None
    periods: frozenset[Period] = frozenset()


FIELDS = "its fields are prompt, inner, words, roles, slug, periods"


@pytest.mark.parametrize(
    ("raw", "pointer", "detail"),
    [
        (b"{}", "/prompt", "is required"),
        (b'{"prompt": 1}', "/prompt", "expected `string`, got `integer`"),
        (b'{"prompt": null}', "/prompt", "expected `string`, got `null`"),
        (b'{"prompt": "", "promt": ""}', "/promt", f"is not a field of this body; {FIELDS}"),
        (b'{"prompt": "", "a~b/c": ""}', "/a~0b~1c", f"is not a field of this body; {FIELDS}"),
        (
            b'{"prompt": "", "inner": {"counts": [1, 2.5]}}',
            "/inner/counts/1",
            "expected `integer`, got `number`",
        ),
        (
            b'{"prompt": "", "inner": {"x": 1}}',
            "/inner/x",
            "is not a field of this body; its fields are counts",
        ),
        (
            b'{"prompt": "", "roles": ["user", "tool"]}',
            "/roles/1",
            "must be one of system, user",
        ),
        (b'{"prompt": "", "slug": "A b"}', "/slug", "must match ^[a-z]+$"),
        (b'{"prompt": "", "periods": ["week"]}', "/periods/0", "must be one of day, month"),
        (b'{"prompt": "", "words": {"a": "b"}}', "/words", "expected `integer`, got `string`"),
        (b'{"prompt": "", "inner": true}', "/inner", "expected `object | null`, got `bool`"),
    ],
)
def test_a_wrong_field_is_named_by_its_pointer(raw, pointer, detail):
    with pytest.raises(FieldInvalid) as refusal:
        typed(parse_json(raw), Outer)
    assert (refusal.value.faults[0].pointer, refusal.value.faults[0].message) == (pointer, detail)


def test_the_pointer_begins_where_the_value_stands():
    with pytest.raises(FieldInvalid) as refusal:
        typed({}, Outer, "/payload")
    assert refusal.value.faults[0].pointer == "/payload/prompt"
