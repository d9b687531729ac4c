"""Route of quotes."""

from typing import Final

from litestar import Response, post

from coordinator.errors import InvalidJobType, TooLarge
from coordinator.http import Answer, HttpRequest, Operation, answer, declared, exchange_of, same
from coordinator.http.bodies import read_object
from coordinator.http.context import Given
from coordinator.http.operation import CLIENT
from coordinator.jobs.submission import OFFER_ERRORS
from coordinator.presenters import presenter_of
from coordinator.quotes.schemas import JobQuote, job_quote

QUOTE: Final = Operation(
    summary="Quote a job",
    tag="Jobs",
    access=CLIENT,
    takes_key=False,
    description="Says what a submission of the same body would come to now: price, miners that "
    "could be given it and why the others could not, times. A body that names an offer is quoted "
    "at the offer's price, with its miner alone. Locks nothing and keeps nothing.",
    body=lambda wire: wire.job_request,
    answers={200: Answer("Quote", same(JobQuote))},
    errors=(InvalidJobType, TooLarge, *OFFER_ERRORS),
)


@post("/v1/jobs/quote", status_code=200, opt=declared(QUOTE))
async def quote_job(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return what a job would come to."""
    exchange = exchange_of(request)
    body = await read_object(request)
    presenter = presenter_of(exchange.by_body(body))
    quote = await context.services.quotes.quote(exchange.caller, presenter.job_spec(body))
    return answer(request, job_quote(quote))


HANDLERS: Final = (quote_job,)
"""The routes of this slice."""
