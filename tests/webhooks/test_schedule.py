"""When messages are sent again, and webhooks given up."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.webhooks.schedule import (
    DISABLE_AFTER_MS,
    RETRY_AFTER_S_MAX,
    RETRY_S,
    Outcome,
    reason_to_disable,
    retry_ms,
)

FAILED = Outcome("HTTP_ERROR", 500)


@given(failures=st.integers(1, len(RETRY_S)), chance=st.integers(0, 65_535))
def test_a_pause_is_spread_around_the_recommended_one(failures: int, chance: int) -> None:
    pause_ms = retry_ms(failures, FAILED, chance)
    assert pause_ms is not None
    assert 0.75 <= pause_ms / (RETRY_S[failures - 1] * 1_000) <= 1.25


def test_a_message_is_sent_for_three_days_and_then_given_up() -> None:
    assert sum(RETRY_S) >= 3 * 86_400 * 3 / 4
    assert retry_ms(len(RETRY_S) + 1, FAILED, 0) is None


def test_a_receiver_may_put_us_off_but_not_for_ever() -> None:
    assert retry_ms(1, Outcome("HTTP_ERROR", 503, 600), 0) == 600_000
    assert retry_ms(1, Outcome("HTTP_ERROR", 503, 10**9), 0) == RETRY_AFTER_S_MAX * 1_000
    assert retry_ms(4, Outcome("HTTP_ERROR", 503, 1), 65_535) == 9_000_000


def test_a_webhook_is_given_up_when_it_is_gone_or_after_days_of_failure() -> None:
    assert reason_to_disable(Outcome("OK", 204), 0, DISABLE_AFTER_MS) == ""
    assert reason_to_disable(Outcome("HTTP_ERROR", 410), 5, 5) == "gone"
    assert reason_to_disable(FAILED, 0, DISABLE_AFTER_MS - 1) == ""
    assert reason_to_disable(FAILED, 0, DISABLE_AFTER_MS) == "failing"
