"""Rate limits (L1), by a clock that the tests turn."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.http.limits import (
    SWEEP_EVERY,
    WINDOW_S,
    Quotas,
    RateLimiter,
    Windows,
    refusal,
)
from coordinator.http.operation import Policy


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("policy", "quota"), [(Policy.SUBMIT, 100), (Policy.STATUS, 1_000), (Policy.RESULT, 500)]
)
def test_the_documented_number_of_requests_a_minute_passes_and_the_next_does_not(policy, quota):
    clock = Clock()
    limiter = RateLimiter(clock)
    assert Quotas().of(policy) == quota
    for remaining in range(quota - 1, -1, -1):
        standing, is_allowed = limiter.take(policy, "key", quota)
        assert is_allowed
        assert standing.remaining == remaining
    standing, is_allowed = limiter.take(policy, "key", quota)
    assert not is_allowed
    error = refusal(standing)
    assert error.code == "RATE_LIMIT_EXCEEDED"
    assert error.retry_after_s == WINDOW_S
    clock.now_s += error.retry_after_s
    assert limiter.take(policy, "key", quota)[1]


def test_every_policy_has_a_quota():
    quotas = Quotas()
    assert all(quotas.of(policy) > 0 for policy in Policy)


def test_the_window_slides_so_that_each_request_frees_its_own_place():
    clock = Clock()
    limiter = RateLimiter(clock)
    for _ in range(2):
        assert limiter.take(Policy.OTHER, "key", 2)[1]
        clock.now_s += 20
    standing, is_allowed = limiter.take(Policy.OTHER, "key", 2)
    assert (is_allowed, standing.reset_s) == (False, 20)
    clock.now_s += 20
    assert limiter.take(Policy.OTHER, "key", 2)[1]
    assert not limiter.take(Policy.OTHER, "key", 2)[1]


def test_subjects_and_policies_are_counted_apart():
    limiter = RateLimiter(Clock())
    assert limiter.take(Policy.SUBMIT, "a", 1)[1]
    assert limiter.take(Policy.SUBMIT, "b", 1)[1]
    assert limiter.take(Policy.STATUS, "a", 1)[1]
    assert not limiter.take(Policy.SUBMIT, "a", 1)[1]


def test_the_headers_are_those_of_the_draft():
    standing, _ = RateLimiter(Clock()).take(Policy.SUBMIT, "key", 100)
    assert standing.headers() == {
        "ratelimit-policy": '"submit";q=100;w=60',
        "ratelimit": '"submit";r=99;t=60',
    }


@given(
    quota=st.integers(1, 5),
    pauses=st.lists(st.floats(0, 2 * WINDOW_S, allow_nan=False), max_size=40),
)
def test_no_minute_holds_more_than_the_quota_and_nothing_is_refused_early(quota, pauses):
    clock = Clock()
    limiter = RateLimiter(clock)
    served: list[float] = []
    for pause in pauses:
        clock.now_s += pause
        in_window = [time for time in served if time > clock.now_s - WINDOW_S]
        standing, is_allowed = limiter.take(Policy.OTHER, "key", quota)
        assert is_allowed == (len(in_window) < quota)
        if is_allowed:
            served.append(clock.now_s)
        else:
            free_at = in_window[-quota] + WINDOW_S
            assert standing.reset_s == max(1, math.ceil(free_at - clock.now_s))


def test_callers_that_left_are_forgotten():
    clock = Clock()
    windows = Windows(clock)
    for caller in range(SWEEP_EVERY - 1):
        windows.hit("other", f"caller {caller}", 1)
    clock.now_s += WINDOW_S
    windows.hit("other", "newcomer", 1)
    assert len(windows) == 1
