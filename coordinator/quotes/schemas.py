"""Types on the wire of quotes, the same in every version."""

from typing import Literal

from coordinator.http.money import format_text
from coordinator.http.times import format_time
from coordinator.quotes.model import Quote
from coordinator.wire import MoneyText, TimeText, View


class JobQuote(View, kw_only=True, frozen=True):
    """What a submission of a job would come to now. It binds nobody."""

    service: str
    """Service that would do it."""
    model: str
    """Model that is asked for; empty where there is none."""
    is_possible: bool
    """Whether a registered miner could be given it."""
    price: MoneyText | None
    """AITBC that the cheapest of these would be paid, or the offer's; null if there is none."""
    max_price: MoneyText
    """AITBC that would be locked in escrow; what is not paid comes back."""
    fee: MoneyText
    """AITBC of the fees: the submission's, and the acceptance's where an offer is named."""
    currency: Literal["AITBC"]
    """Always AITBC."""
    available_balance: MoneyText
    """AITBC that the caller can spend now; `max_price` + `fee` are needed."""
    registered_miners: int
    """Miners that are registered."""
    eligible_miners: int
    """Of these, how many could be given the job."""
    ready_miners: int
    """Of the eligible ones, how many were heard of in the last minute."""
    exclusions: dict[str, int]
    """Of the others, how many by the code of what keeps the job from them."""
    queued_ahead: int
    """Jobs of the same service that wait; 0 where the job names an offer."""
    estimated_start: TimeText | None
    """When it would be begun; null if no eligible miner was heard of."""
    estimated_completion: TimeText | None
    """When it would be done."""
    warnings: list[str]
    """What the body has that nothing uses."""


def job_quote(quote: Quote) -> JobQuote:
    """Return a quote."""
    spec, found = quote.spec, quote.eligibility
    return JobQuote(
        service=spec.service,
        model=spec.model,
        is_possible=quote.is_possible,
        price=None if quote.price is None else format_text(quote.price),
        max_price=format_text(quote.max_price),
        fee=format_text(quote.fee),
        currency="AITBC",
        available_balance=format_text(quote.available),
        registered_miners=found.registered,
        eligible_miners=found.eligible,
        ready_miners=quote.ready,
        exclusions=found.exclusions,
        queued_ahead=quote.queued_ahead,
        estimated_start=None if quote.start_ms is None else format_time(quote.start_ms),
        estimated_completion=None
        if quote.completion_ms is None
        else format_time(quote.completion_ms),
        warnings=list(spec.warnings),
    )
