"""Medians, spreads, percentiles, shares of limits and rates of windows are what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Figure, percentile, rounded, told
from bench.limits import Limits, Measured
from bench.load import Delivered, window_rates
from bench.run import Run, benchmark_parser, run_benchmark

VALUES = st.lists(st.floats(0.001, 1e9), min_size=1, max_size=50)


@given(VALUES)
def test_a_median_lies_within_its_spread(values: list[float]) -> None:
    figure = Figure.of("some.key", "name", "ms", values)
    assert figure.low <= figure.median <= figure.high
    assert figure.low == rounded(min(values))
    assert figure.runs == len(values)


def test_the_share_of_a_rate_is_what_it_reaches_and_of_a_time_what_its_limit_takes(
    make_figure,
) -> None:
    rate = make_figure("r", "1/s", 10, 20, 30, limit=make_figure("limit.r", "1/s", 40))
    assert (rate.share, rate.limit) == (0.5, "limit.r")
    time = make_figure("t", "ms", 8, limit=make_figure("limit.t", "ms", 2))
    assert time.share == 0.25


def test_a_limit_in_another_unit_gives_no_share(make_figure) -> None:
    assert make_figure("t", "ms", 8, limit=make_figure("limit.t", "µs", 2)).share is None


def test_a_line_tells_median_spread_runs_and_share(make_figure) -> None:
    limit = make_figure("limit.cores", "1/s", 40_000)
    line = make_figure("some.rate", "1/s", 9_000, 10_000, 12_000, limit=limit).line()
    assert "10,000 1/s  (9,000 … 12,000, 3 runs)" in line
    assert line.endswith("25% of limit.cores")


@given(VALUES, st.integers(1, 100))
def test_a_percentile_is_one_of_the_values_and_no_fewer_than_that_part_do_not_exceed_it(
    values: list[float], percent: int
) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (95, 95), (99, 99), (100, 100)])
def test_percentiles_of_a_hundred_values_are_their_ranks(percent: int, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_windows_end_with_the_answer_that_fills_them() -> None:
    answers = [Delivered(0.5, 400), Delivered(1.0, 600), Delivered(2.0, 700), Delivered(3.0, 800)]
    assert window_rates(answers, 1_000) == [1_000.0, 750.0]


def test_a_window_that_is_not_full_has_no_rate() -> None:
    assert window_rates([Delivered(1.0, 999)], 1_000) == []


@given(st.lists(st.tuples(st.floats(0.001, 1.0), st.integers(1, 500)), max_size=40))
def test_windows_account_for_every_transaction_but_those_of_the_last_part(
    steps: list[tuple[float, int]],
) -> None:
    at, answers = 0.0, []
    for gap, count in steps:
        at += gap
        answers.append(Delivered(at, count))
    rates = window_rates(answers, 500)
    assert sum(count for _, count in steps) < (len(rates) + 1) * 1_000
    assert all(rate > 0 for rate in rates)


@pytest.mark.parametrize(
    ("value", "text"), [(12_345.6, "12,346"), (100, "100"), (12.34, "12.3"), (0.01234, "0.0123")]
)
def test_numbers_are_told_with_three_digits_or_all_before_the_point(
    value: float, text: str
) -> None:
    assert told(value) == text


def test_a_figure_is_judged_again_against_limits_that_were_measured_since(make_figure) -> None:
    rate = make_figure("r", "1/s", 10, limit=make_figure("limit.r", "1/s", 40))
    assert rate.against(make_figure("limit.r", "1/s", 20)).share == 0.5


def test_limits_of_several_measurements_are_one_figure_of_all_their_runs() -> None:
    before: Measured = ([1.0], [2.0], [3.0], [4.0], [5.0], [6.0])
    after: Measured = ([3.0, 5.0], [2.0], [3.0], [4.0], [5.0], [8.0])
    limits = Limits.of(before, after)
    assert (limits.core.median, limits.core.low, limits.core.runs) == (3, 1, 3)
    assert (limits.rows.median, limits.rows.unit) == (7, "1/s")
    assert limits.figures()[0].key == "limit.ed25519.core"


def test_a_budget_that_is_missed_is_told_and_ends_the_command_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def measure(run: Run) -> None:
        run.add("explorer.home.p95", "home", "ms", [60.0])
        run.faults.append("home: p95 over 50")

    parser = benchmark_parser("explorer", "A benchmark.")
    assert run_benchmark("explorer", parser, ["--quick"], measure) == 1
    assert "bench: home: p95 over 50" in capsys.readouterr().err
    assert run_benchmark("explorer", parser, ["--quick"], lambda _: None) == 0
