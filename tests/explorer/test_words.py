"""Nothing that the ledger can do lacks words, and what is written is exact."""

import re
from decimal import Decimal
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer_web import formats
from explorer_web.action_fields import FIELDS, action_facts
from explorer_web.facts import Source
from explorer_web.jobs import CHECKS
from explorer_web.markup import SOURCES
from explorer_web.outcomes import TITLES, outcome_sentence
from explorer_web.sentences import plain
from explorer_web.words import (
    ATTESTATIONS,
    CUSTODIES,
    PAYMENTS,
    PHASES,
    REASONS,
    action_sentence,
    payment_state,
)
from ledger.actions import (
    ACTION_NAMES,
    Action,
    AttestationKind,
    Custody,
    PostReceipt,
    Reason,
    UnitType,
    Verification,
)
from ledger.keys import format_address
from ledger.outcomes import Outcome, OutcomeKind
from ledger.store import JobPhase, Payment
from ledger.types import AMOUNT_MAX, TIMESTAMP_MS_MAX
from tests.ledger.wire_values import values_of

ADDRESS = bytes(range(20))
NAMELESS = {
    OutcomeKind.BALLOT_PASSED,
    OutcomeKind.BALLOT_EXPIRED,
    OutcomeKind.PARAMETER_CHANGED,
}
"""Outcomes that concern nobody in particular."""

actions = values_of(Action)
amounts = st.integers(0, AMOUNT_MAX)
times = st.integers(0, TIMESTAMP_MS_MAX)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (PHASES, JobPhase),
        (REASONS, Reason),
        (CUSTODIES, Custody),
        (ATTESTATIONS, AttestationKind),
        (TITLES, OutcomeKind),
        (CHECKS, Verification),
        (formats.UNIT_NAMES, UnitType),
        (SOURCES, Source),
    ],
)
def test_every_value_has_words(words: dict[Enum, object], values: type[Enum]) -> None:
    assert set(words) == set(values)


def test_every_end_of_an_escrow_has_a_badge() -> None:
    states = {payment_state(payment, paid) for payment in Payment for paid in (0, 1)}
    assert set(PAYMENTS) == states


def test_every_field_of_every_action_has_words_and_no_other() -> None:
    names = {name for action in ACTION_NAMES for name in action.__struct_fields__}
    assert set(FIELDS) == names


@given(actions)
def test_every_action_has_a_sentence_that_begins_with_its_sender(action: Action) -> None:
    sentence = plain(action_sentence(ADDRESS, action))
    assert sentence.startswith(format_address(ADDRESS))
    assert sentence.endswith(".")


@given(actions)
def test_every_field_of_an_action_is_shown(action: Action) -> None:
    facts = action_facts(action)
    assert [fact.name for fact in facts] == list(action.__struct_fields__)
    claimed = {fact.name for fact in facts if fact.source is Source.CLAIMED}
    assert bool(claimed) == isinstance(action, PostReceipt)
    assert all(not isinstance(fact.json, bytes) for fact in facts)


@given(st.sampled_from(OutcomeKind), st.lists(amounts.filter(bool), min_size=3, max_size=3))
def test_every_outcome_has_a_sentence_that_names_its_parties(
    kind: OutcomeKind, paid: list[int]
) -> None:
    count = {OutcomeKind.JOB_SETTLED: 3, OutcomeKind.JOB_CANCELLED: 2}.get(kind, 1)
    count = 0 if kind in NAMELESS else count
    parties = tuple(bytes([n]) * 20 for n in range(count))
    outcome = Outcome(kind, b"", bytes(32), 1, parties, tuple(paid[:count]))
    sentence = plain(outcome_sentence(outcome))
    assert all(format_address(party) in sentence for party in parties)


@given(amounts)
def test_money_is_written_exactly(nait: int) -> None:
    number, unit = formats.money(nait).split(" ")
    scale = {"AITBC": Decimal(10**9), "nait": Decimal(1)}[unit]
    assert Decimal(number.replace(",", "")) * scale == nait


@given(amounts)
def test_units_are_written_exactly(micro: int) -> None:
    assert Decimal(formats.units(micro).replace(",", "")) * 10**6 == micro


@given(times, times)
def test_any_time_can_be_written(time_ms: int, now_ms: int) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", formats.iso_time(time_ms))
    assert formats.utc_time(time_ms).endswith(" UTC")
    words = formats.relative(time_ms, now_ms)
    assert words == "now" or words.startswith("in ") == (time_ms > now_ms)
    assert formats.duration(time_ms)


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [
        (0, "0 s"),
        (1, "1 ms"),
        (999, "999 ms"),
        (2_500, "2.5 s"),
        (60_000, "1 min"),
        (62_000, "1 min 2 s"),
        (3_900_000, "1 h 5 min"),
        (3_601_000, "1 h"),
        (604_800_000, "7 d"),
    ],
)
def test_a_length_of_time_is_written_in_its_two_largest_units(length_ms: int, text: str) -> None:
    assert formats.duration(length_ms) == text
