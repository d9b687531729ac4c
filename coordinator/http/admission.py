"""Admission to a route: version, authentication, limit, authorisation, in this order (A1).

Whoever is refused is counted too: by the key, or by the address where there is none that is valid.

One guard for the whole application reads each route's `Operation`. Body and existence come after
it, in the handlers.
"""

from collections.abc import Mapping
from typing import Final, cast

from litestar.handlers import BaseRouteHandler

from coordinator.clients import Principal
from coordinator.clients.service import ClientService
from coordinator.errors import CoordinatorError
from coordinator.events.tickets import Tickets
from coordinator.http.authentication import check_origin, key_of
from coordinator.http.config import HttpConfig
from coordinator.http.errors import PROBLEM
from coordinator.http.exchange import Exchange, HttpConnection, exchange_of
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

    async def __call__(self, connection: HttpConnection, handler: BaseRouteHandler) -> None:
        """Admit a request; Litestar calls this as a guard.

        Raises:
            FieldInvalid, UnknownApiVersion, KeysDiffer, Unauthenticated, Forbidden,
            RateLimitExceeded, NotAcceptable: what the caller has to mend.
        """
        operation = cast("Operation | None", handler.opt.get(OPERATION_KEY))
        if operation is None:
            return
        exchange = exchange_of(connection)
        exchange.operation = operation
        exchange.choice = route_choice(operation.documents)
        try:
            await self._read_head(connection, operation, exchange)
        except CoordinatorError:
            # Who guesses keys, or asks for nonsense, is known by the address alone.
            await self.count(exchange, Policy.OTHER, remote_of(connection))
            raise
        # Which miner calls is in the body: its route counts that.
        policy = Policy.MINERS if operation.policy is Policy.MINER else operation.policy
        await self.count(exchange, policy, _subject(exchange, connection))
        _authorise(exchange.principal, operation)
        _check_acceptable(connection, operation)

    async def _read_head(
        self, connection: HttpConnection, operation: Operation, exchange: Exchange
    ) -> None:
        """Note which version is asked for, and who asks."""
        _check_texts(connection)
        exchange.explicit = header_choice(_versions(connection, operation))
        exchange.choice = exchange.explicit or exchange.choice
        exchange.principal = await self._identify(connection, operation)
        if exchange.explicit is None and exchange.principal is not None:
            exchange.explicit = key_choice(exchange.principal.version_pin)
            exchange.choice = exchange.explicit or exchange.choice

    async def _identify(self, connection: HttpConnection, operation: Operation) -> Principal | None:
        if self._clients is None:
            return None
        ticket = _in_query(connection, operation, "ticket")
        if ticket is not None:
            return await self._redeem(connection, ticket)
        key = key_of(connection)
        if key is None and operation.access == PUBLIC:
            if self._config.is_devnet and not _is_read(connection):
                self._check_page(connection)
            return None
        if key is None and not self._config.is_devnet:
            raise AuthenticationRequired
        principal = await self._authenticate(connection, key)
        if principal.is_demo:
            self._check_page(connection)
        return principal

    async def _authenticate(self, connection: HttpConnection, key: str | None) -> Principal:
        assert self._clients is not None, "without clients nobody is identified"
        if key is None:
            return await self._clients.authenticate(None)
        remembered = self._clients.remembered(key)
        if remembered is not None:
            return remembered
        with self._guesses.one_of(remote_of(connection)):
            return await self._clients.authenticate(key)

    async def _redeem(self, connection: HttpConnection, ticket: str) -> Principal:
        if key_of(connection) is not None:
            raise KeysDiffer
        assert self._tickets is not None, "who knows keys gives tickets"
        principal = await self._tickets.redeem(ticket)
        if principal.is_demo:
            self._check_page(connection)
        return principal

    def _check_page(self, connection: HttpConnection) -> None:
        headers = connection.headers
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


def _check_texts(connection: HttpConnection) -> None:
    """Refuse U+0000, which PostgreSQL's texts do not hold, wherever a path or a query is read."""
    for name in _TEXT_IDS & connection.path_params.keys():
        if "\0" in str(connection.path_params[name]):
            raise FieldInvalid(name, _NUL)
    if not connection.scope["query_string"]:
        return
    for name, value in connection.query_params.multi_items():
        if "\0" in name or "\0" in value:
            raise FieldInvalid(name.replace("\0", "\N{REPLACEMENT CHARACTER}"), _NUL)


def _authorise(principal: Principal | None, operation: Operation) -> None:
    if operation.access == PUBLIC:
        return
    assert principal is not None
    if operation.access.isdisjoint(principal.scopes):
        raise ScopeMissing(" or ".join(sorted(operation.access)))


def _subject(exchange: Exchange, connection: HttpConnection) -> str:
    if exchange.principal is not None:
        return exchange.principal.key_id
    return remote_of(connection)


def _check_acceptable(connection: HttpConnection, operation: Operation) -> None:
    accept = ",".join(connection.headers.getall("accept", []))
    if not accept:
        return
    media_types = {
        media_type
        for answer in operation.answers.values()
        for media_type in (answer.media_type, *answer.alternatives)
    }
    if not any(accepts(accept, media_type) for media_type in media_types | {PROBLEM}):
        raise NotAcceptable(" or ".join(sorted(media_types)))


def _versions(connection: HttpConnection, operation: Operation) -> list[str]:
    """Return the versions that a request names: in the header, or in the query where it may."""
    in_query = _in_query(connection, operation, "version")
    named: list[str] = connection.headers.getall("aitbc-version", [])
    return named if in_query is None else [*named, in_query]


def _in_query(connection: HttpConnection, operation: Operation, name: str) -> str | None:
    if not operation.from_browsers:
        return None
    values: list[str] = connection.query_params.getall(name, [])
    if len(values) > 1:
        raise FieldInvalid(name, "is given more than once")
    return values[0] if values else None


def _is_read(connection: HttpConnection) -> bool:
    return cast("Mapping[str, object]", connection.scope).get("method") == "GET"
