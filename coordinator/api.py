"""The HTTP side of the coordinator, put together.

The composition root makes one `HttpSide` and wires its parts into the application:
`Litestar(route_handlers=[*side.handlers, …], before_request=side.admission,
exception_handlers=side.exception_handlers, openapi_config=None)`, and serves `edge(application)`.
Routes of other parts that declare an `Operation` get the same admission, errors and documents.
"""

from dataclasses import dataclass
from typing import Final, Self

from litestar import Router
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.types import ControllerRouterHandler, ExceptionHandlersMap

from coordinator.accounts import routes as accounts
from coordinator.admin import routes as admin
from coordinator.artifacts import routes as artifacts
from coordinator.chat import routes as chat
from coordinator.clients import routes as clients
from coordinator.events import routes as events
from coordinator.http import Admission, HttpConfig, Limiter, RateLimiter, exception_handlers
from coordinator.http.authentication import LOOPBACK_ORIGIN
from coordinator.http.calls import called_with
from coordinator.http.context import Context
from coordinator.http.repeats import claiming
from coordinator.jobs import result_routes as results
from coordinator.jobs import routes as jobs
from coordinator.jobs import settlement_routes as settlements
from coordinator.leases import progress
from coordinator.leases import routes as leases
from coordinator.leases import standing_routes as standings
from coordinator.marketplace import routes as marketplace
from coordinator.miners import routes as miners
from coordinator.openapi import document_handlers
from coordinator.orders import routes as orders
from coordinator.presenters import SERVED
from coordinator.quotes import routes as quotes
from coordinator.receipts import routes as receipts
from coordinator.registry import routes as registry
from coordinator.retention import routes as retention
from coordinator.services import Services
from coordinator.stats import routes as stats
from coordinator.transfers import routes as transfers
from coordinator.webhooks import routes as webhooks
from ledger.store import IndexReader

_ROUTES: Final = (
    *jobs.HANDLERS,
    *results.HANDLERS,
    *settlements.HANDLERS,
    *leases.HANDLERS,
    *standings.HANDLERS,
    *miners.HANDLERS,
    *receipts.HANDLERS,
    *clients.HANDLERS,
    *accounts.HANDLERS,
    *transfers.HANDLERS,
    *admin.HANDLERS,
    *retention.HANDLERS,
    *artifacts.HANDLERS,
    *marketplace.HANDLERS,
    *stats.HANDLERS,
    *webhooks.HANDLERS,
    *events.HANDLERS,
    *chat.HANDLERS,
    *progress.HANDLERS,
    *registry.HANDLERS,
    *orders.HANDLERS,
    *quotes.HANDLERS,
)

_REQUEST_HEADERS: Final = [
    "Accept",
    "AITBC-Version",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "If-Range",
    # With it an event stream goes on where it broke.
    "Last-Event-ID",
    "Prefer",
    "Range",
    "X-Api-Key",
    "X-Request-Id",
]

_RESPONSE_HEADERS: Final = [
    "AITBC-As-Of-Height",
    "AITBC-Expires-At",
    "AITBC-Version",
    "AITBC-Version-Source",
    "Content-Range",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
]


@dataclass(frozen=True, slots=True)
class HttpSide:
    """What the composition root wires."""

    handlers: tuple[ControllerRouterHandler, ...]
    """Routes of the API, and of its documents."""
    admission: Admission
    """Runs before each request of the whole application."""
    limiter: Limiter
    """Counts requests; to be closed when no more come."""
    exception_handlers: ExceptionHandlersMap
    """Exception handlers of the whole application."""
    cors: CORSConfig
    """Which web pages may read answers: none, unless configured, but this machine's on a devnet."""


class _OwnRouter(Router):
    """A router that one application is made of, and no other."""

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return the router itself.

        An application copies its routers with all their handlers, in case that another gets them
        too: that is a fifth of the time of making one.
        """
        return self


def build_http_side(services: Services, index: IndexReader, config: HttpConfig) -> HttpSide:
    """Return the HTTP side of a coordinator.

    Args:
        services: its services.
        index: final blocks and transactions, for the explorer's arrays.
        config: settings.
    """
    limiter = make_limiter(config)
    admission = Admission(services.clients, config, limiter, services.events.tickets)
    handlers = (*coordinator_handlers(services, index, admission), *document_handlers())
    return _side(handlers, admission, limiter, config)


def build_public_side(config: HttpConfig) -> HttpSide:
    """Return the HTTP side of a node without a coordinator: limits and CORS of its own routes.

    Args:
        config: settings.
    """
    limiter = make_limiter(config)
    admission = Admission(None, config, limiter, None)
    return _side((), admission, limiter, config)


def _side(
    handlers: tuple[ControllerRouterHandler, ...],
    admission: Admission,
    limiter: Limiter,
    config: HttpConfig,
) -> HttpSide:
    answers = exception_handlers(SERVED, admission.count_lost)
    return HttpSide(handlers, admission, limiter, answers, _cors(config))


def _cors(config: HttpConfig) -> CORSConfig:
    return CORSConfig(
        allow_origins=sorted(config.allowed_origins),
        allow_origin_regex=LOOPBACK_ORIGIN if config.is_devnet else None,
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_RESPONSE_HEADERS,
    )


def make_limiter(config: HttpConfig) -> Limiter:
    """Return what counts requests: this node's memory, or a storage that nodes share."""
    if config.limits_url is None:
        return RateLimiter(config.clock)
    # Its client library is an extra of the package, and is imported where it is used alone.
    from coordinator.http.shared_limits import SharedRateLimiter  # noqa: PLC0415

    return SharedRateLimiter(config.limits_url, password=config.limits_password)


def coordinator_handlers(
    services: Services, index: IndexReader, admission: Admission
) -> list[ControllerRouterHandler]:
    """Return the coordinator's routes; their `context` is injected."""
    context = Context(services, index, admission)
    return [
        _OwnRouter(
            path="/",
            route_handlers=_ROUTES,
            dependencies={"context": Provide(lambda: context, sync_to_thread=False)},
            middleware=[called_with({"context": context})],
            # In place of the application's own, which admits alone.
            before_request=claiming(admission, services.idempotency),
            # Each route bounds its own body, with an error that names the bound.
            request_max_body_size=None,
        )
    ]
