"""How the coordinator speaks HTTP: versions, identity, limits, bodies, errors.

Nothing here knows a route or a version's shapes; routes and presenters stand on it.
"""

from coordinator.http.admission import Admission
from coordinator.http.answers import answer, location
from coordinator.http.config import HttpConfig
from coordinator.http.edge import edge
from coordinator.http.error_body import Error
from coordinator.http.errors import exception_handlers, status_of
from coordinator.http.exchange import (
    Exchange,
    HttpRequest,
    exchange_of,
    new_request_id,
)
from coordinator.http.limits import Limiter, Quotas, RateLimiter
from coordinator.http.operation import (
    OPERATION_KEY,
    PUBLIC,
    Answer,
    Operation,
    Parameter,
    Policy,
    declared,
    same,
)
from coordinator.http.remote import Proxies, neighbourhood, remote_of, through_proxies

__all__ = [
    "OPERATION_KEY",
    "PUBLIC",
    "Admission",
    "Answer",
    "Error",
    "Exchange",
    "HttpConfig",
    "HttpRequest",
    "Limiter",
    "Operation",
    "Parameter",
    "Policy",
    "Proxies",
    "Quotas",
    "RateLimiter",
    "answer",
    "declared",
    "edge",
    "exception_handlers",
    "exchange_of",
    "location",
    "neighbourhood",
    "new_request_id",
    "remote_of",
    "same",
    "status_of",
    "through_proxies",
]
