"""Reputation: cautious, fading, and as docs/reputation.md says."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.stats.reputation import FADED_DAYS_MAX, MICRO, Weights, faded, wilson

DOCUMENT = (Path(__file__).parents[2] / "docs" / "reputation.md").read_text(encoding="utf-8")

micros = st.integers(0, 10**6 * MICRO)
days = st.integers(0, 2 * FADED_DAYS_MAX)


def jobs(completed: int, faults: int = 0) -> Weights:
    """What today's jobs weigh, if all that are finished are paid."""
    done = completed * MICRO
    return Weights(completed=done, faults=faults * MICRO, settled=done)


def test_the_examples_of_the_document_are_right() -> None:
    told = re.search(
        r"one perfect job gives (\S+), ten give (\S+), a hundred (\S+)\. .*?has (\S+)\.",
        DOCUMENT,
        re.DOTALL,
    )
    assert told is not None
    found = [jobs(1), jobs(10), jobs(100), jobs(490, 10)]
    # The last one's receipts are those of the jobs that it finished.
    assert [str(each.reputation) for each in found] == list(told.groups())


def test_without_a_job_there_is_no_reputation() -> None:
    assert Weights().reputation == Weights().reliability == Weights().correctness == 0.0


@given(micros, micros)
def test_a_score_is_a_share_below_the_observed_one(good: int, bad: int) -> None:
    score = wilson(good, bad)
    assert 0 <= score <= 1
    if good + bad:
        assert score <= good / (good + bad) + 1e-9


@given(st.integers(0, 1_000), st.integers(0, 1_000))
def test_a_success_never_lowers_a_score_and_a_fault_never_raises_it(good: int, bad: int) -> None:
    score = wilson(good * MICRO, bad * MICRO)
    assert wilson((good + 1) * MICRO, bad * MICRO) >= score - 1e-9
    assert wilson(good * MICRO, (bad + 1) * MICRO) <= score + 1e-9


@given(micros, days, days)
def test_weights_fade_and_never_grow(micro: int, first: int, later: int) -> None:
    both = faded(micro, first + later)
    assert 0 <= both <= faded(faded(micro, first), later) + 1 <= micro + 1


def test_a_weight_halves_in_thirty_days_and_is_nothing_at_last() -> None:
    assert faded(MICRO, 30) == pytest.approx(MICRO / 2, rel=0.01)
    assert faded(10**9 * MICRO, FADED_DAYS_MAX + 1) == 0
