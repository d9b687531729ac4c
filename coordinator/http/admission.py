"""Admission to a route: version, authentication, limit, authorisation, in this order (A1).

Whoever is refused is counted too: by the key, or by the address where there is none that is valid.

It runs before each request of the whole application and reads its route's `Operation`. Body and
existence come after it, in the handlers. It is no guard of the framework: that copies the route for
each request.

What leads to no route, or takes no such method, is counted as well, after it was looked for.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, cast

from coordinator.clients import Principal
from coordinator.clients.service import ClientService
from coordinator.errors import CoordinatorError
from coordinator.events.tickets import Tickets
from coordinator.http.authentication import check_origin, key_of
from coordinator.http.config import HttpConfig
from coordinator.http.errors import PROBLEM
from coordinator.http.exchange import Exchange, HttpRequest, exchange_of
from coordinator.http.faults import (
    AuthenticationRequired,
    FieldInvalid,
    KeysDiffer,
    NotAcceptable,
    ScopeMissing,
)
from coordinator.http.guesses import Guesses
from coordinator.http.limits import Limiter, refusal
from coordinator.http.negotiation import accepts
from coordinator.http.operation import OPERATION_KEY, PUBLIC, Operation, Policy
from coordinator.http.remote import remote_of
from coordinator.http.versions import header_choice, key_choice, route_choice

_NUL: Final = "must not hold U+0000"

_REMEMBERED_LENGTH_MAX: Final = 128
"""Of `Accept` headers; programs send a few short ones, again and again."""

_TEXT_IDS: Final = frozenset({"key_id", "message_id", "miner_id", "upload_id", "webhook_id"})
"""Parameters of paths that are looked up as texts; the others are read first, such as hex."""


class Admission:
    """Decides whether a request reaches its handler. One for the application."""

    def __init__(
        self,
        clients: ClientService | None,
        config: HttpConfig,
        limiter: Limiter,
        tickets: Tickets | None,
    ) -> None:
        """Judge by these keys, settings, counts and tickets.

        A node without a coordinator knows no key and gives no ticket: all its routes are public,
        and whoever calls is known by the address alone.
        """
        self._clients = clients
        self._config = config
        self._limiter = limiter
        self._tickets = tickets
        self._guesses = Guesses(config.quotas.other, config.clock)

    async def __call__(self, request: HttpRequest) -> None:
        """Admit a request; it is called before the route's handler.

        Raises:
            FieldInvalid, UnknownApiVersion, KeysDiffer, Unauthenticated, Forbidden,
            RateLimitExceeded, NotAcceptable: what the caller has to mend.
        """
        options = request.scope["route_handler"].opt
        operation = cast("Operation | None", options.get(OPERATION_KEY))
        if operation is None:
            return
        exchange = exchange_of(request)
        exchange.operation = operation
        exchange.choice = route_choice(operation.documents)
        try:
            await self._read_head(request, operation, exchange)
        except CoordinatorError:
            # Who guesses keys, or asks for nonsense, is known by the address alone.
            await self.count(exchange, Policy.OTHER, remote_of(request))
            raise
        # Which miner calls is in the body: its route counts that.
        policy = Policy.MINERS if operation.policy is Policy.MINER else operation.policy
        await self.count(exchange, policy, _subject(exchange, request))
        _authorise(exchange.principal, operation)
        _check_acceptable(request, operation)

    async def count_lost(self, request: HttpRequest) -> None:
        """Count a request that leads nowhere, by its key if that is known here, or its address.

        Raises:
            RateLimitExceeded: the quota is used up (L1).
        """
        exchange = exchange_of(request)
        exchange.principal = self._remembered(request)
        await self.count(exchange, Policy.OTHER, _subject(exchange, request))

    def _remembered(self, request: HttpRequest) -> Principal | None:
        """Return who shows a key that was looked up before; it is not looked up for an error."""
        if self._clients is None:
            return None
        try:
            key = key_of(request)
            return None if key is None else self._clients.remembered(key)
        except CoordinatorError:
            # Two keys, or none that works: nobody, and counted as such. To say so would be an
            # answer to a guess.
            return None

    async def _read_head(
        self, request: HttpRequest, operation: Operation, exchange: Exchange
    ) -> None:
        """Note which version is asked for, and who asks."""
        _check_texts(request)
        exchange.explicit = header_choice(_versions(request, operation))
        exchange.choice = exchange.explicit or exchange.choice
        exchange.principal = await self._identify(request, operation)
        if exchange.explicit is None and exchange.principal is not None:
            exchange.explicit = key_choice(exchange.principal.version_pin)
            exchange.choice = exchange.explicit or exchange.choice

    async def _identify(self, request: HttpRequest, operation: Operation) -> Principal | None:
        if self._clients is None:
            return None
        ticket = _in_query(request, operation, "ticket")
        if ticket is not None:
            return await self._redeem(request, ticket)
        key = key_of(request)
        if key is None and operation.access == PUBLIC:
            if self._config.is_devnet and not _is_read(request):
                self._check_page(request)
            return None
        if key is None and not self._config.is_devnet:
            raise AuthenticationRequired
        principal = await self._authenticate(request, key)
        if principal.is_demo:
            self._check_page(request)
        return principal

    async def _authenticate(self, request: HttpRequest, key: str | None) -> Principal:
        assert self._clients is not None, "without clients nobody is identified"
        if key is None:
            return await self._clients.authenticate(None)
        remembered = self._clients.remembered(key)
        if remembered is not None:
            return remembered
        with self._guesses.one_of(remote_of(request)):
            return await self._clients.authenticate(key)

    async def _redeem(self, request: HttpRequest, ticket: str) -> Principal:
        if key_of(request) is not None:
            raise KeysDiffer
        assert self._tickets is not None, "who knows keys gives tickets"
        principal = await self._tickets.redeem(ticket)
        if principal.is_demo:
            self._check_page(request)
        return principal

    def _check_page(self, request: HttpRequest) -> None:
        headers = request.headers
        check_origin(headers.get("host", ""), headers.get("origin"), self._config.allowed_origins)

    async def count(self, exchange: Exchange, policy: Policy, subject: str) -> None:
        """Count a request against a policy.

        Args:
            exchange: the request; its answer says where the subject stands.
            policy: what is counted.
            subject: whose requests.

        Raises:
            RateLimitExceeded: the quota is used up (L1).
        """
        quota = self._config.quotas.of(policy)
        if exchange.principal is not None:
            quota = exchange.principal.quotas.get(policy.value, quota)
        standing, is_allowed = await self._limiter.count(policy, subject, quota)
        exchange.headers |= standing.headers()
        if not is_allowed:
            raise refusal(standing)


def _check_texts(request: HttpRequest) -> None:
    """Refuse U+0000, which PostgreSQL's texts do not hold, wherever a path or a query is read."""
    for name in _TEXT_IDS & request.path_params.keys():
        if "\0" in str(request.path_params[name]):
            raise FieldInvalid(name, _NUL)
    if not request.scope["query_string"]:
        return
    for name, value in request.query_params.multi_items():
        if "\0" in name or "\0" in value:
            raise FieldInvalid(name.replace("\0", "\N{REPLACEMENT CHARACTER}"), _NUL)


def _authorise(principal: Principal | None, operation: Operation) -> None:
    if operation.access == PUBLIC:
        return
    assert principal is not None
    if operation.access.isdisjoint(principal.scopes):
        raise ScopeMissing(" or ".join(sorted(operation.access)))


def _subject(exchange: Exchange, request: HttpRequest) -> str:
    if exchange.principal is not None:
        return exchange.principal.key_id
    return remote_of(request)


def _check_acceptable(request: HttpRequest, operation: Operation) -> None:
    accept = ",".join(request.headers.getall("accept", []))
    if not accept:
        return
    is_taken = _takes if len(accept) <= _REMEMBERED_LENGTH_MAX else _takes.__wrapped__
    if not is_taken(accept, operation.media_types):
        raise NotAcceptable(" or ".join(sorted(operation.media_types)))


@lru_cache
def _takes(accept: str, media_types: frozenset[str]) -> bool:
    """Return whether a caller takes one of these, or errors as RFC 9457 has them."""
    return any(accepts(accept, media_type) for media_type in media_types | {PROBLEM})


def _versions(request: HttpRequest, operation: Operation) -> list[str]:
    """Return the versions that a request names: in the header, or in the query where it may."""
    in_query = _in_query(request, operation, "version")
    named: list[str] = request.headers.getall("aitbc-version", [])
    return named if in_query is None else [*named, in_query]


def _in_query(request: HttpRequest, operation: Operation, name: str) -> str | None:
    if not operation.from_browsers:
        return None
    values: list[str] = request.query_params.getall(name, [])
    if len(values) > 1:
        raise FieldInvalid(name, "is given more than once")
    return values[0] if values else None


def _is_read(request: HttpRequest) -> bool:
    return cast("Mapping[str, object]", request.scope).get("method") == "GET"
