"""Buckets and pauses."""

import random

from hypothesis import given
from hypothesis import strategies as st

from node.p2p.buckets import TokenBucket
from node.p2p.dialler import Backoff


def test_a_bucket_gives_its_burst_and_then_its_rate():
    bucket = TokenBucket(10, 3, 0)
    assert [bucket.try_take(1, 0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.try_take(1, 99)
    assert bucket.try_take(1, 100)
    assert not bucket.try_take(1, 100)


def test_a_debt_is_waited_for():
    bucket = TokenBucket(1_000, 1_000, 0)
    bucket.take(3_000, 0)
    assert bucket.wait_ms(0) == 2_000
    assert bucket.wait_ms(1_999) == 1
    assert bucket.wait_ms(2_000) == 0


@given(st.integers(1, 1_000), st.integers(1, 1_000), st.lists(st.integers(0, 500), max_size=50))
def test_nobody_gets_more_than_burst_and_rate(rate: int, burst: int, pauses: list[int]):
    bucket, now_ms, taken = TokenBucket(rate, burst, 0), 0, 0
    for pause in pauses:
        now_ms += pause
        while bucket.try_take(1, now_ms):
            taken += 1
        assert taken <= burst + rate * now_ms / 1_000


def test_a_clock_that_stands_still_or_goes_back_gives_nothing():
    bucket = TokenBucket(10, 1, 1_000)
    assert bucket.try_take(1, 1_000)
    assert not bucket.try_take(1, 500)
    assert not bucket.try_take(1, 599)


@given(st.integers(0, 2**32))
def test_pauses_double_up_to_a_limit_and_never_lose_their_jitter(seed: int):
    backoff = Backoff(100, 1_000, random.Random(seed))
    limits = [100, 200, 400, 800, 1_000, 1_000] + [1_000] * 100
    for limit in limits:
        assert limit // 2 <= backoff.next_ms() <= limit


def test_a_connection_that_lasted_makes_the_next_pause_short():
    backoff = Backoff(100, 1_000, random.Random(1))
    for _ in range(5):
        backoff.next_ms()
    backoff.note_lasted(999)
    assert backoff.next_ms() >= 500
    backoff.note_lasted(1_000)
    assert backoff.next_ms() <= 100
